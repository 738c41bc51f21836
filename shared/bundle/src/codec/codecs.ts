import { Encoding, type TensorMessage } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import type { InputSpecification } from '../manifest/input-specification.js';
import { elementsOf, expectShape } from '../shape.js';
import type { ActivationCodec, EncodedTensor, Quantiser } from './activation-codec.js';
import { deflated } from './deflated.js';
import { float16 } from './float16.js';
import { float32 } from './float32.js';
import { int4, int8 } from './quantised.js';
import { uint8, uint8Deflated } from './uint8.js';

/**
 * All codecs. A new one is a file here, an entry of this list, a number in `Encoding` of `proto/offramp/v1/offload.proto`,
 * and a name in `activationEncodings` of the manifest; `augment/src/calibrate/codec-candidates.ts` says where it is tried.
 */
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

/** For messages and logs. */
export function encodingName(encoding: number): string {
  return codecs.find((codec) => codec.encoding === encoding)?.name ?? `encoding ${encoding}`;
}

export interface EncodeTensorOptions {
  /** If the tensor is the model's input. */
  input?: InputSpecification;
  quantiser?: Quantiser;
}

/** Encodes one sample's tensor for the wire; as float32 if the codec cannot represent its values. */
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
 * Checks shape, encoding, length and, unless they are deflated, values of a received tensor, without allocating memory
 * for it.
 * @param what names the tensor in errors
 * @param shape of one sample, as the bundle has it
 * @param input if the tensor is the model's input
 * @throws OfframpError `TENSOR_INVALID`
 */
export function checkTensor(
  what: string,
  shape: readonly number[],
  tensor: TensorMessage | null,
  input?: InputSpecification,
): CheckedTensor {
  if (!tensor) throw new OfframpError('TENSOR_INVALID', `${what}: is missing`);
  const { data } = tensor;
  expectShape(what, shape, tensor.shape);
  const codec = codecFor(tensor.encoding);
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

/** A received tensor, checked and not yet decoded. */
export interface CheckedTensor {
  elements: number;
  /**
   * @param into a view of `elements` elements, such as a sample's place in a batch
   * @throws OfframpError `TENSOR_INVALID`
   */
  decodeInto(into: Float32Array): void;
}

/**
 * Decodes a received tensor. Shape and length are checked before memory is allocated.
 * @param what names the tensor in errors
 * @param shape of one sample, as the bundle has it
 * @param input if the tensor is the model's input
 * @throws OfframpError `TENSOR_INVALID`
 */
export function decodeTensor(
  what: string,
  shape: readonly number[],
  tensor: TensorMessage | null,
  input?: InputSpecification,
): Float32Array {
  const checked = checkTensor(what, shape, tensor, input);
  const values = new Float32Array(checked.elements);
  checked.decodeInto(values);
  return values;
}
