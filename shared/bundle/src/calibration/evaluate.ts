import { leaves } from '@offramp/contracts';
import type { CalibrationTable } from './table.js';

/** The outcome of a vector of thresholds on a calibration table. All shares are in [0, 1]. */
export interface ThresholdOutcome {
  agreement: number;
  /** `null` if the table has no labels. */
  accuracy: number | null;
  /** Share of samples that leave at each exit; the final exit last. */
  exitShares: number[];
  /** Mean multiply-accumulates, branches included, over the whole backbone's. */
  cost: number;
}

/**
 * Simulates the cascade on a calibration table.
 * @param thresholds one per branch
 * @param exitCosts total cost of a sample that leaves at each exit, relative to the whole backbone; the final exit last
 */
export function evaluateThresholds(
  table: CalibrationTable,
  thresholds: readonly number[],
  exitCosts: readonly number[],
): ThresholdOutcome {
  const final = table.branches.length;
  const counts = new Array<number>(final + 1).fill(0);
  let agreed = 0;
  let correct = 0;
  for (let sample = 0; sample < table.samples; sample++) {
    let exit = 0;
    while (
      exit < final &&
      !leaves(table.branches[exit]?.confidence[sample] as number, thresholds[exit] as number)
    ) {
      exit++;
    }
    counts[exit] = (counts[exit] as number) + 1;
    const agrees = exit === final ? table.finalAgrees : table.branches[exit]?.agrees;
    if (agrees?.[sample] !== '0') agreed++;
    if (table.correct?.[exit]?.[sample] === '1') correct++;
  }
  const exitShares = counts.map((count) => count / table.samples);
  return {
    agreement: agreed / table.samples,
    accuracy: table.correct ? correct / table.samples : null,
    exitShares,
    cost: exitShares.reduce((sum, share, exit) => sum + share * (exitCosts[exit] as number), 0),
  };
}
