import { OfframpError } from '../errors.js';
import { elementsOf, expectShape } from '../shape.js';
import { Encoding, type TensorMessage } from '../wire/messages.js';
import { float32 } from './float32.js';

/** One way to write an activation's elements into bytes. Stateless. */
export interface ActivationCodec {
  readonly encoding: Encoding;
  readonly name: string;
  /** Exact size of `elements` encoded elements. */
  encodedBytes(elements: number): number;
  /** @param values is read, not kept */
  encode(values: Float32Array): Uint8Array;
  /** Decodes into `into`, which has the right length already. `data` has `encodedBytes(into.length)` bytes. */
  decode(data: Uint8Array, into: Float32Array): void;
}

/** All there are. */
export const codecs: readonly ActivationCodec[] = [float32];

/** @throws OfframpError `TENSOR_INVALID` for an encoding this version does not know */
export function codecFor(encoding: number): ActivationCodec {
  const codec = codecs.find((candidate) => candidate.encoding === encoding);
  if (!codec) {
    const known = codecs.map((candidate) => `${candidate.encoding} (${candidate.name})`).join(', ');
    throw new OfframpError('TENSOR_INVALID', `encoding: expected one of ${known}, found ${encoding}`);
  }
  return codec;
}

/** Writes one sample's tensor for the wire. */
export function encodeTensor(
  codec: ActivationCodec,
  shape: readonly number[],
  values: Float32Array,
): TensorMessage {
  return { shape: [...shape], encoding: codec.encoding, data: codec.encode(values) };
}

/**
 * Reads a tensor that came over the wire. Shape and length are checked against what is expected before
 * memory is taken.
 * @param what names the tensor in errors
 * @param shape of one sample, as the bundle has it
 * @throws OfframpError `TENSOR_INVALID`
 */
export function decodeTensor(
  what: string,
  shape: readonly number[],
  tensor: TensorMessage | null | undefined,
): Float32Array {
  if (!tensor) throw new OfframpError('TENSOR_INVALID', `${what}: is missing`);
  expectShape(what, shape, tensor.shape ?? []);
  const codec = codecFor(tensor.encoding ?? Encoding.ENCODING_UNSPECIFIED);
  const elements = elementsOf(shape);
  const expected = codec.encodedBytes(elements);
  const data = tensor.data ?? new Uint8Array(0);
  if (data.byteLength !== expected) {
    throw new OfframpError(
      'TENSOR_INVALID',
      `${what}: expected ${expected} bytes of ${codec.name}, found ${data.byteLength}`,
    );
  }
  const values = new Float32Array(elements);
  codec.decode(data, values);
  return values;
}
