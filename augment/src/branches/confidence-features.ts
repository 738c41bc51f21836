import { type Matrix, matrixOf, rowOf } from '../training/matrix.js';

/** Smallest probability whose logarithm is taken: below it float32 has nothing left to tell. */
export const probabilityFloor = 1e-9;

/** Features besides the class probabilities themselves: p₁, p₂, log p₁, log p₂, entropy. */
export const extraConfidenceFeatures = 5;

/**
 * What a confidence head sees: the class head's probabilities, its two largest ones, their logarithms
 * and its entropy (nats). Margin and odds are linear in these.
 * @param probabilities rows × classes
 * @returns rows × (classes + 5)
 */
export function confidenceFeatures(probabilities: Matrix): Matrix {
  const classes = probabilities.width;
  const features = matrixOf(probabilities.rows, classes + extraConfidenceFeatures);
  for (let row = 0; row < probabilities.rows; row++) {
    const values = rowOf(probabilities, row);
    let first = 0;
    let second = 0;
    let entropy = 0;
    for (const p of values) {
      if (p > first) {
        second = first;
        first = p;
      } else if (p > second) {
        second = p;
      }
      entropy -= p * Math.log(Math.max(p, probabilityFloor));
    }
    const into = rowOf(features, row);
    into.set(values);
    into.set(
      [
        first,
        second,
        Math.log(Math.max(first, probabilityFloor)),
        Math.log(Math.max(second, probabilityFloor)),
        entropy,
      ],
      classes,
    );
  }
  return features;
}
