import { type CalibrationTable, evaluateThresholds, neverExit, type ThresholdOutcome } from '@offramp/shared';
import { allowedDisagreements } from './allowed-disagreements.js';
import { searchJointly } from './search-jointly.js';
import { lowestSharedThreshold } from './shared-threshold.js';

export interface ThresholdGoal {
  /** Agreement with the backbone to keep, in [0, 1]. */
  agreement: number;
  /** Probability with which as many new samples as the table has may agree less. */
  delta: number;
}

export interface ChosenThresholds {
  /** One per branch. */
  thresholds: number[];
  outcome: ThresholdOutcome;
}

export interface ChooseOptions {
  /**
   * - `shared`: one threshold for all branches, for which `delta` holds, as far as disagreements grow when the
   *   threshold falls. Confidences estimate agreement, so they are on one scale.
   * - `joint`: lowered branch by branch from there while that saves cost. Picking the best of so many on the same
   *   samples spends `delta` many times over: for comparing branches, with the outcome read on other samples.
   */
  search?: 'shared' | 'joint';
}

/**
 * The cheapest thresholds whose agreement on the table leaves enough room for the goal.
 * @param exitCosts what leaving at each exit costs; the final exit last
 */
export function chooseThresholds(
  table: CalibrationTable,
  exitCosts: readonly number[],
  goal: ThresholdGoal,
  { search = 'shared' }: ChooseOptions = {},
): ChosenThresholds {
  const allowed = allowedDisagreements(table.samples, goal.agreement, goal.delta);
  const branches = table.branches.length;
  const lowest = lowestSharedThreshold(table, allowed);
  const shared = lowest === null ? neverExit(branches) : new Array<number>(branches).fill(lowest);
  const thresholds = (search === 'joint' ? searchJointly(table, exitCosts, allowed, shared) : shared).map(
    roundThreshold,
  );
  return { thresholds, outcome: evaluateThresholds(table, thresholds, exitCosts) };
}

/** Confidences are kept with six decimals; so are thresholds, rounded up so that nobody more leaves. */
const roundThreshold = (threshold: number) => Math.ceil(threshold * 1e6 - 1e-6) / 1e6;
