import { decodeTensor, float32, type InputSpecification } from '@offramp/bundle';

export const tensorMediaType = 'application/x-offramp-tensor';

/**
 * Reads a raw tensor: little-endian float32, row-major, already preprocessed.
 * @throws OfframpError `TENSOR_INVALID`
 */
export function readTensorBody(body: Uint8Array, input: InputSpecification): Float32Array {
  const { shape } = input;
  const tensor = { shape: [...shape], encoding: float32.encoding, data: body };
  return decodeTensor('body', { shape, input }, tensor);
}
