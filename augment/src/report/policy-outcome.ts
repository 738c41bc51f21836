import {
  type CalibrationTable,
  type CostModel,
  evaluateThresholds,
  exitCosts,
  type Manifest,
  type ThresholdOutcome,
} from '@offramp/bundle';
import type { ExitTimes } from './stage-times.js';

/** The outcome of a vector of thresholds on a data set. */
export interface PolicyOutcome extends ThresholdOutcome {
  /** One per branch. */
  thresholds: number[];
  /** Share of samples that exit on the stages that a device runs by default. */
  onDevice: number;
  /**
   * CPU time over that of the whole chain of stages, one per measured batch size: the sum over exits of
   * the share of samples × the time up to the exit.
   */
  cpuCosts: number[];
}

/** Judges thresholds on one table, in MACs and in measured time. */
export function policyJudge(
  table: CalibrationTable,
  manifest: CostModel & Pick<Manifest, 'deviceStages'>,
  times: readonly ExitTimes[],
): (thresholds: readonly number[]) => PolicyOutcome {
  const costs = exitCosts(manifest);
  return (thresholds) => {
    const outcome = evaluateThresholds(table, thresholds, costs);
    const { exitShares } = outcome;
    const weighted = (values: readonly number[]) =>
      exitShares.reduce((sum, share, exit) => sum + share * (values[exit] as number), 0);
    return {
      thresholds: [...thresholds],
      ...outcome,
      onDevice: exitShares.slice(0, manifest.deviceStages).reduce((sum, share) => sum + share, 0),
      cpuCosts: times.map(({ costs: timeCosts }) => weighted(timeCosts)),
    };
  };
}

/** Maximum number of thresholds of a curve. */
const curvePoints = 80;

/**
 * Thresholds to draw a curve with, each for all branches at once: quantiles of all confidences, so that
 * the points are spread evenly along it, from 0 (all samples exit at the first branch) to one above 1 (no early exits).
 */
export function curveThresholds(table: CalibrationTable): number[] {
  const sorted = table.branches.flatMap(({ confidence }) => confidence).sort((a, b) => a - b);
  const picked = new Set([0]);
  for (let i = 1; i < curvePoints; i++) {
    // Denser towards high confidence, where agreement changes most.
    const position = 1 - (1 - i / curvePoints) ** 2;
    const value = sorted[Math.floor(position * sorted.length)];
    if (value !== undefined) picked.add(value);
  }
  return [...picked, 2].sort((a, b) => a - b);
}
