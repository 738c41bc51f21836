import { OfframpError } from '@offramp/runtime/errors';

/** Values of one sample: 2^27 of float32 are half a gibibyte. */
export const maxSampleElements = 2 ** 27;

/** Elements of one sample of this shape, without the batch dimension. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** `3×32×32` */
export function formatShape(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.join('×');
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dimension, i) => dimension === b[i]);
}

/**
 * Checks the shape that a message states for a tensor.
 * @throws OfframpError `TENSOR_INVALID` naming `what`, the expected and the found shape
 */
export function expectShape(what: string, expected: readonly number[], found: readonly number[]): void {
  if (!sameShape(expected, found)) {
    throw new OfframpError(
      'TENSOR_INVALID',
      `${what}: expected shape ${formatShape(expected)}, found ${formatShape(found)}`,
    );
  }
}
