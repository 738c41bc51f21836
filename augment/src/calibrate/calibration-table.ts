import type { CalibrationTable } from '@offramp/bundle';
import type { TrainedBranch } from '../branches/branch-trainer.js';
import { roundConfidence } from './round-confidence.js';

/** The branches' outcomes on the held-out pictures. @param trueLabels `null` if there are none */
export function calibrationTable(
  trained: { branches: readonly Pick<TrainedBranch, 'heldOut'>[]; heldOutLabels: Uint16Array },
  trueLabels: readonly (number | null)[] | null,
): CalibrationTable {
  const reference = trained.heldOutLabels;
  const bits = (values: ArrayLike<number>, expected: ArrayLike<number | null>) =>
    Array.from(values, (value, i) => (value === expected[i] ? '1' : '0')).join('');
  return {
    samples: reference.length,
    branches: trained.branches.map(({ heldOut }) => ({
      confidence: Array.from(heldOut.confidence, roundConfidence),
      agrees: bits(heldOut.label, reference),
    })),
    correct: trueLabels
      ? [...trained.branches.map(({ heldOut }) => heldOut.label), reference].map((labels) =>
          bits(labels, trueLabels),
        )
      : null,
  };
}
