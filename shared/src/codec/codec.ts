import type { InputSpecification } from '../data/preprocess.js';
import { OfframpError } from '../errors.js';
import { elementsOf, expectShape } from '../shape.js';
import { Encoding, type TensorMessage } from '../wire/messages.js';
import { deflated } from './deflated.js';
import type { Quantiser } from './fixed-size-codec.js';
import { float16 } from './float16.js';
import { float32 } from './float32.js';
import { int4, int8 } from './quantised.js';
import { uint8, uint8Deflated } from './uint8.js';

export type { Quantiser } from './fixed-size-codec.js';

/** What both sides know of a tensor before it is sent. */
export interface TensorLayout {
  /** Of one sample, as the bundle has it. */
  shape: readonly number[];
  /** Where the tensor is the model's input: how it was made. */
  input?: InputSpecification;
}

export interface EncodedTensor {
  /** The codec's own, or the one without its last step, where that takes no more bytes. */
  encoding: Encoding;
  data: Uint8Array;
}

/** One way to write a tensor's elements into bytes. Stateless. */
export interface ActivationCodec {
  readonly encoding: Encoding;
  readonly name: string;
  /** More than this it never takes for one tensor. */
  maxEncodedBytes(layout: TensorLayout): number;
  /**
   * @param values are read, not kept
   * @returns `null` for values that it cannot hold, such as those that are not finite
   */
  encode(values: Float32Array, layout: TensorLayout, quantiser?: Quantiser): EncodedTensor | null;
  /**
   * Checks the length before memory is taken.
   * @throws OfframpError `TENSOR_INVALID`
   */
  check(what: string, data: Uint8Array, layout: TensorLayout): void;
  /**
   * @param data whose length has been checked
   * @param into gets the elements; it has the right length
   * @throws OfframpError `TENSOR_INVALID` for bytes that are not what they should be; `into` may have been written to
   */
  decode(what: string, data: Uint8Array, into: Float32Array, layout: TensorLayout): void;
}

/** All there are. */
export const codecs: readonly ActivationCodec[] = [
  float32,
  float16,
  int8,
  int4,
  uint8,
  deflated(float32, Encoding.ENCODING_FLOAT32_DEFLATE),
  deflated(float16, Encoding.ENCODING_FLOAT16_DEFLATE),
  deflated(int8, Encoding.ENCODING_INT8_DEFLATE),
  deflated(int4, Encoding.ENCODING_INT4_DEFLATE),
  uint8Deflated,
];

/** @throws OfframpError `TENSOR_INVALID` for an encoding this version does not know */
export function codecFor(encoding: number): ActivationCodec {
  const codec = codecs.find((candidate) => candidate.encoding === encoding);
  if (!codec) {
    const known = codecs.map((candidate) => `${candidate.encoding} (${candidate.name})`).join(', ');
    throw new OfframpError('TENSOR_INVALID', `encoding: expected one of ${known}, found ${encoding}`);
  }
  return codec;
}

/** For people. */
export function encodingName(encoding: number): string {
  return codecs.find((codec) => codec.encoding === encoding)?.name ?? `encoding ${encoding}`;
}

export interface EncodeTensorOptions {
  /** Where the tensor is the model's input. */
  input?: InputSpecification;
  quantiser?: Quantiser;
}

/** Writes one sample's tensor for the wire; as float32 where the codec cannot hold its values. */
export function encodeTensor(
  codec: ActivationCodec,
  shape: readonly number[],
  values: Float32Array,
  { input, quantiser }: EncodeTensorOptions = {},
): TensorMessage & EncodedTensor {
  const layout = input ? { shape, input } : { shape };
  const encoded = codec.encode(values, layout, quantiser) ?? float32.encode(values, layout);
  if (!encoded) throw new OfframpError('INTERNAL', 'float32 holds every value');
  return { shape: [...shape], ...encoded };
}

/** The most bytes that a tensor of this shape takes in any encoding. */
export function maxEncodedBytes(shape: readonly number[]): number {
  return Math.max(...codecs.map((codec) => codec.maxEncodedBytes({ shape })));
}

/**
 * Checks a tensor that came over the wire, as far as that goes without taking memory: shape, encoding, length.
 * @param what names the tensor in errors
 * @param shape of one sample, as the bundle has it
 * @param input where the tensor is the model's input
 * @throws OfframpError `TENSOR_INVALID`
 */
export function checkTensor(
  what: string,
  shape: readonly number[],
  tensor: TensorMessage | null | undefined,
  input?: InputSpecification,
): CheckedTensor {
  if (!tensor) throw new OfframpError('TENSOR_INVALID', `${what}: is missing`);
  expectShape(what, shape, tensor.shape ?? []);
  const codec = codecFor(tensor.encoding ?? Encoding.ENCODING_UNSPECIFIED);
  const data = tensor.data ?? new Uint8Array(0);
  const isSamples = codec === uint8 || codec === uint8Deflated;
  if (isSamples && !input) {
    throw new OfframpError(
      'TENSOR_INVALID',
      `${what}: expected an encoding of activations, found ${codec.name}, which is for the input of stage 0`,
    );
  }
  const layout = input ? { shape, input } : { shape };
  codec.check(what, data, layout);
  return {
    elements: elementsOf(shape),
    decodeInto: (into) => codec.decode(what, data, into, layout),
  };
}

/** A tensor that came over the wire, checked and not yet decoded. */
export interface CheckedTensor {
  elements: number;
  /**
   * @param into a view of `elements` elements, such as a sample's place in a batch
   * @throws OfframpError `TENSOR_INVALID`
   */
  decodeInto(into: Float32Array): void;
}

/**
 * Reads a tensor that came over the wire. Shape and length are checked against what is expected before memory is taken.
 * @param what names the tensor in errors
 * @param shape of one sample, as the bundle has it
 * @param input where the tensor is the model's input
 * @throws OfframpError `TENSOR_INVALID`
 */
export function decodeTensor(
  what: string,
  shape: readonly number[],
  tensor: TensorMessage | null | undefined,
  input?: InputSpecification,
): Float32Array {
  const checked = checkTensor(what, shape, tensor, input);
  const values = new Float32Array(checked.elements);
  checked.decodeInto(values);
  return values;
}
