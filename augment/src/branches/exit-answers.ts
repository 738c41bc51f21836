import { argMax, type ExitCriterion } from '@offramp/bundle';
import { type Matrix, matrixOf, rowOf } from '../training/matrix.js';
import { confidenceFeatureCount, confidenceFeatures } from './confidence-features.js';

/**
 * An exit's answers to samples, and what its confidence depends on. Probabilities are not kept, so that memory does not grow
 * with the number of classes.
 */
export class ExitAnswers {
  readonly labels: Uint16Array;
  /** Samples × `confidenceFeatureCount`, or × 1: the confidence itself. */
  readonly features: Matrix;

  /** @param withPrevious whether the exit uses the answers of the one before */
  constructor(
    private readonly criterion: ExitCriterion,
    samples: number,
    withPrevious: boolean,
  ) {
    this.labels = new Uint16Array(samples);
    this.features = matrixOf(samples, criterion === 'confidence' ? confidenceFeatureCount(withPrevious) : 1);
  }

  /**
   * @param start number of the first sample
   * @param probabilities samples × classes
   * @param previous of the exit before, if this one uses it
   */
  add(start: number, probabilities: Matrix, previous: Matrix | null): void {
    const { criterion, features } = this;
    for (let row = 0; row < probabilities.rows; row++) {
      const values = rowOf(probabilities, row);
      this.labels[start + row] = argMax(values);
      if (criterion !== 'confidence') features.values[start + row] = certainty(criterion, values);
    }
    if (criterion !== 'confidence') return;
    features.values.set(confidenceFeatures(probabilities, previous).values, start * features.width);
  }
}

function certainty(criterion: Exclude<ExitCriterion, 'confidence'>, probabilities: Float32Array): number {
  return criterion === 'max-softmax'
    ? Math.max(...probabilities)
    : 1 - entropyOf(probabilities) / Math.log(probabilities.length);
}

function entropyOf(probabilities: Float32Array): number {
  return probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
}
