import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { ExitCriterion } from '@offramp/shared';
import { seededPermutation } from '../random.js';
import { applyLogistic, fitLogistic } from '../training/logistic-regression.js';
import { type Matrix, rowOf, selectRows } from '../training/matrix.js';
import { confidenceFeatures, confidencePrior } from './confidence-features.js';
import type { ConfidenceHead } from './heads.js';

export const confidenceFolds = 5;

export interface FittedConfidence {
  head: ConfidenceHead;
  /** Per row; none comes from a head that was fitted on its row. */
  confidence: Float32Array;
}

/**
 * Gives an exit its confidence, from what it says of held-out pictures.
 * @param probabilities of the exit, rows × classes
 * @param previous of the exit before, where the branch knows it
 * @param agrees 1 where the exit answers what the backbone does
 * @param onFold called `confidenceFolds + 1` times while a head is fitted
 */
export async function fitConfidence(
  criterion: ExitCriterion,
  probabilities: Matrix,
  previous: Matrix | null,
  agrees: ArrayLike<number>,
  seed: number,
  onFold: () => void,
): Promise<FittedConfidence> {
  if (criterion === 'confidence') {
    return fitHead(confidenceFeatures(probabilities, previous), agrees, seed, onFold);
  }
  const confidence = new Float32Array(probabilities.rows);
  for (let row = 0; row < probabilities.rows; row++) {
    const values = rowOf(probabilities, row);
    confidence[row] =
      criterion === 'max-softmax' ? Math.max(...values) : 1 - entropyOf(values) / Math.log(values.length);
  }
  return { head: { kind: criterion }, confidence };
}

/** Logistic regression on all rows, and what heads fitted on the other folds say of each. */
async function fitHead(
  features: Matrix,
  agrees: ArrayLike<number>,
  seed: number,
  onFold: () => void,
): Promise<FittedConfidence> {
  const prior = confidencePrior(features.width);
  const fit = async (rows: ArrayLike<number>) => {
    const targets = Array.from(rows, (row) => agrees[row] as number);
    const model = fitLogistic(selectRows(features, rows), targets, prior);
    onFold();
    await eventLoopTurn();
    return model;
  };
  const confidence = new Float32Array(features.rows);
  const order = seededPermutation(features.rows, seed);
  for (let fold = 0; fold < confidenceFolds; fold++) {
    const inFold = (_: number, position: number) => position % confidenceFolds === fold;
    const rows = order.filter(inFold);
    const model = await fit(order.filter((row, position) => !inFold(row, position)));
    const probabilities = applyLogistic(model, selectRows(features, rows));
    rows.forEach((row, i) => {
      confidence[row] = probabilities[i] as number;
    });
  }
  const { weights, bias } = await fit(order);
  return { head: { kind: 'learned', weights: Float32Array.from(weights), bias }, confidence };
}

function entropyOf(probabilities: Float32Array): number {
  return probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
}
