import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { ExitCriterion } from '@offramp/bundle';
import { seededPermutation } from '../support/random.js';
import { applyLogistic, fitLogistic, type LogisticModel } from '../training/logistic-regression.js';
import { type Matrix, selectRows } from '../training/matrix.js';
import { confidencePrior } from './confidence-features.js';
import type { ConfidenceHead } from './heads.js';

export const confidenceFolds = 5;

export interface FittedConfidence {
  head: ConfidenceHead;
  /** Per row, from a head that was not fitted on this row. */
  confidence: Float32Array;
}

/**
 * Fits an exit's confidence on its answers to held-out pictures.
 * @param features as `ExitAnswers` has them
 * @param agrees 1 where the exit agrees with the backbone
 * @param onFold called `confidenceFolds + 1` times while a head is fitted
 */
export async function fitConfidence(
  criterion: ExitCriterion,
  features: Matrix,
  agrees: ArrayLike<number>,
  seed: number,
  onFold: () => void,
): Promise<FittedConfidence> {
  return criterion === 'confidence'
    ? fitHead(features, agrees, seed, onFold)
    : { head: { kind: criterion }, confidence: features.values };
}

/** Keeps the order of scores where held-out pictures say nothing for them. */
const minScale = 1e-3;

/**
 * Maps the scores of a head that was trained with its class head to the probability of agreement, on held-out pictures (J. Platt,
 * 1999). The map is increasing. Trained scores saturate on the training pictures: as sigmoids they would round to 1.
 * @param scores one per held-out picture
 * @param agrees 1 where the exit agrees with the backbone
 */
export async function calibrateScores(
  scores: Float32Array,
  agrees: ArrayLike<number>,
  seed: number,
  onFold: () => void,
): Promise<FittedConfidence> {
  const { model, confidence } = await crossFit(
    { rows: scores.length, width: 1, values: scores },
    agrees,
    seed,
    onFold,
    (rows, targets) => {
      const fitted = fitLogistic(rows, targets, { weights: [0], strength: 1 });
      return (fitted.weights[0] as number) >= minScale
        ? fitted
        : { weights: Float64Array.of(minScale), bias: 0 };
    },
  );
  return { head: { kind: 'joint', scale: model.weights[0] as number, bias: model.bias }, confidence };
}

async function fitHead(
  features: Matrix,
  agrees: ArrayLike<number>,
  seed: number,
  onFold: () => void,
): Promise<FittedConfidence> {
  const prior = confidencePrior(features.width);
  const { model, confidence } = await crossFit(features, agrees, seed, onFold, (rows, targets) =>
    fitLogistic(rows, targets, prior),
  );
  const { weights, bias } = model;
  return { head: { kind: 'learned', weights: Float32Array.from(weights), bias }, confidence };
}

/** A model of all rows, and per row the confidence from a model of the other folds. */
async function crossFit(
  features: Matrix,
  agrees: ArrayLike<number>,
  seed: number,
  onFold: () => void,
  fitRows: (features: Matrix, targets: readonly number[]) => LogisticModel,
): Promise<{ model: LogisticModel; confidence: Float32Array }> {
  const fit = async (rows: ArrayLike<number>) => {
    const model = fitRows(
      selectRows(features, rows),
      Array.from(rows, (row) => agrees[row] as number),
    );
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
  return { model: await fit(order), confidence };
}
