import { type Matrix, matrixOf, rowOf } from '../training/matrix.js';

/** Smallest probability whose logarithm is taken: below it float32 has nothing left to tell. */
export const probabilityFloor = 1e-9;

/** Features besides the class probabilities themselves: p₁, p₂, log p₁, log p₂, entropy. */
const extraFeatures = 5;
/** And with the exit before: its probabilities, their product with these ones, and its logarithm. */
const extraFeaturesWithPrevious = 2;

/** How many features a confidence head sees. */
export function confidenceFeatureCount(classes: number, withPrevious: boolean): number {
  return classes + extraFeatures + (withPrevious ? classes + extraFeaturesWithPrevious : 0);
}

/**
 * What a confidence head sees: the class head's probabilities, its two largest ones, their logarithms
 * and its entropy (nats). Margin and odds are linear in these. Where the branch knows what the exit before
 * answered, also that exit's probabilities, and the probability p·q that the two give the same class.
 * @param probabilities rows × classes
 * @param previous of the exit before, rows × classes
 * @returns rows × `confidenceFeatureCount(classes, previous !== null)`
 */
export function confidenceFeatures(probabilities: Matrix, previous: Matrix | null = null): Matrix {
  const classes = probabilities.width;
  const features = matrixOf(probabilities.rows, confidenceFeatureCount(classes, previous !== null));
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
      entropy -= p * logarithm(p);
    }
    const into = rowOf(features, row);
    into.set(values);
    into.set([first, second, logarithm(first), logarithm(second), entropy], classes);
    if (previous) {
      const before = rowOf(previous, row);
      const same = values.reduce((sum, p, i) => sum + p * (before[i] as number), 0);
      into.set(before, classes + extraFeatures);
      into.set([same, logarithm(same)], 2 * classes + extraFeatures);
    }
  }
  return features;
}

const logarithm = (p: number) => Math.log(Math.max(p, probabilityFloor));
