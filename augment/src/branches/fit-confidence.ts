import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { ExitCriterion } from '@offramp/shared';
import { seededPermutation } from '../random.js';
import {
  applyLinearClassifier,
  type LinearClassifier,
  trainLinearClassifier,
} from '../training/linear-classifier.js';
import { type Matrix, rowOf, selectRows } from '../training/matrix.js';
import { confidenceFeatures } from './confidence-features.js';
import type { ConfidenceHead } from './heads.js';

const training = { epochs: 40, batchSize: 256, learningRate: 2e-2, l2: 1e-3 };
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
  const fit = async (rows: number[]) => {
    const targets = rows.map((row) => agrees[row] as number);
    const classifier = await trainLinearClassifier(selectRows(features, rows), targets, {
      ...training,
      classes: 2,
      seed,
    });
    onFold();
    await eventLoopTurn();
    return classifier;
  };
  const confidence = new Float32Array(features.rows);
  const order = seededPermutation(features.rows, seed);
  for (let fold = 0; fold < confidenceFolds; fold++) {
    const inFold = (_: number, position: number) => position % confidenceFolds === fold;
    const others = Array.from(order.filter((row, position) => !inFold(row, position)));
    const rows = Array.from(order.filter(inFold));
    const probabilities = applyLinearClassifier(await fit(others), selectRows(features, rows));
    rows.forEach((row, i) => {
      confidence[row] = rowOf(probabilities, i)[1] as number;
    });
  }
  return { head: headOf(await fit(Array.from(order))), confidence };
}

/** A softmax over two classes is a sigmoid of the difference of their scores. */
function headOf({ weights, bias }: LinearClassifier): ConfidenceHead {
  const difference = Float32Array.from(
    { length: weights.length / 2 },
    (_, j) => (weights[j * 2 + 1] as number) - (weights[j * 2] as number),
  );
  return { kind: 'learned', weights: difference, bias: (bias[1] as number) - (bias[0] as number) };
}

function entropyOf(probabilities: Float32Array): number {
  return probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
}
