import { elementsOf, float32, formatShape, OfframpError } from '@offramp/shared';

export const tensorMediaType = 'application/x-offramp-tensor';

/**
 * Reads a raw tensor: little-endian float32, row-major, already preprocessed.
 * @param shape of one sample, as the bundle has it
 * @throws OfframpError `TENSOR_INVALID`
 */
export function readTensorBody(body: Uint8Array, shape: readonly number[]): Float32Array {
  const values = new Float32Array(elementsOf(shape));
  if (body.byteLength !== values.byteLength) {
    throw new OfframpError(
      'TENSOR_INVALID',
      `expected ${values.byteLength} bytes of float32 for ${formatShape(shape)}, found ${body.byteLength}`,
    );
  }
  float32.decode('body', body, values, { shape });
  if (!values.every(Number.isFinite)) {
    throw new OfframpError('TENSOR_INVALID', 'expected finite numbers, found one that is not');
  }
  return values;
}
