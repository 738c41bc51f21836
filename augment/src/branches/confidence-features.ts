import type { LogisticPrior } from '../training/logistic-regression.js';
import { type Matrix, matrixOf, rowOf } from '../training/matrix.js';

/** Smallest probability whose logarithm is taken; float32 cannot resolve smaller differences from 1. */
export const probabilityFloor = 1e-9;

/** Number of features of a confidence head. */
export function confidenceFeatureCount(withPrevious: boolean): number {
  return withPrevious ? 4 : 3;
}

/**
 * The features of a confidence head, from the class head's probabilities: the log-odds log p₁ − log(1 − p₁) of the largest,
 * its margin log p₁ − log p₂ over the second, and the entropy (nats). If the branch knows the previous exit's answer, also
 * the log-odds of s = p·q, the probability that both give the same class. There are few features, because heads learn from
 * few mistakes; they are logarithms, because 0.99 and 0.9999 differ much.
 * @param probabilities rows × classes
 * @param previous of the exit before, rows × classes
 * @returns rows × `confidenceFeatureCount(previous !== null)`
 */
export function confidenceFeatures(probabilities: Matrix, previous: Matrix | null = null): Matrix {
  const features = matrixOf(probabilities.rows, confidenceFeatureCount(previous !== null));
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
    into.set([logOdds(first), logarithm(first) - logarithm(second), entropy]);
    if (previous) {
      const before = rowOf(previous, row);
      into[3] = logOdds(values.reduce((sum, p, i) => sum + p * (before[i] as number), 0));
    }
  }
  return features;
}

/**
 * The prior of a confidence head: the largest probability on its own scale, with a free bias. Held-out mistakes are few, and
 * a head with this prior needs fewer of them than one without. With ResNet-20, -32 and -44 on CIFAR-10, strengths from 0.3
 * to 3 gave equal results, and 10 or more worse ones.
 * @param width `confidenceFeatureCount`
 */
export function confidencePrior(width: number): LogisticPrior {
  return { weights: Array.from({ length: width }, (_, j) => (j === 0 ? 1 : 0)), strength: 3 };
}

const logarithm = (p: number) => Math.log(Math.max(p, probabilityFloor));
const logOdds = (p: number) => logarithm(p) - logarithm(1 - p);
