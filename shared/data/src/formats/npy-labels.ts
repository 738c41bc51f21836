import { invalidData } from './data-file.js';
import type { NpyArray, NpySamples } from './npy-array.js';
import { forEachNumber } from './numbers.js';

/**
 * Labels of an array of whole numbers, N or N × 1.
 * @throws OfframpError `DATA_INVALID`
 */
export function labelsOfNpy({ shape, numbers }: NpyArray, where: string): Uint32Array {
  const [count = 0, ...rest] = shape;
  if (shape.length === 0 || rest.some((dimension) => dimension !== 1)) {
    throw invalidData(where, `expected one label per sample, found ${shape.join('×') || 'a single number'}`);
  }
  const labels = new Uint32Array(count);
  forEachNumber(numbers, (value, index) => {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
      throw invalidData(where, `expected labels as whole numbers from 0, found ${value} for sample ${index}`);
    }
    labels[index] = value;
  });
  return labels;
}

/**
 * The number of samples of an array.
 * @throws OfframpError `DATA_INVALID` for another number of labels
 */
export function countOf({ array, labels, where }: NpySamples): number {
  const [count = 0] = array.shape;
  if (labels && labels.length !== count) {
    throw invalidData(where, `expected ${count} labels, one per sample; found ${labels.length}`);
  }
  return count;
}
