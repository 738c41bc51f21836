import { type CalibrationTable, evaluateThresholds, type ThresholdOutcome } from '@offramp/bundle';
import { neverExit } from '@offramp/contracts';
import { highestAffordableThreshold } from './affordable-threshold.js';
import { allowedDisagreements, provenAgreement } from './allowed-disagreements.js';
import { searchJointly } from './search-jointly.js';
import { lowestSharedThreshold } from './shared-threshold.js';

/** The goal of thresholds, and its certainty. */
export type ThresholdGoal = {
  /** Allowed probability of missing the goal. */
  delta: number;
} & (
  | {
      /** Agreement with the backbone to keep on equally many new samples as in the table, in [0, 1]. */
      agreement: number;
    }
  | {
      /** Expected cost to stay within, as a share of the backbone's. */
      cost: number;
    }
);

export interface ChosenThresholds {
  /** One per branch. */
  thresholds: number[];
  outcome: ThresholdOutcome;
  /** The agreement that the table proves for equally many new samples, with the goal's certainty. */
  agreement: number;
}

export interface ChooseOptions {
  /**
   * For an agreement:
   * - `shared`: one threshold for all branches, for which `delta` holds if disagreements grow as the
   *   threshold falls. Confidences estimate agreement, so they are on one scale.
   * - `joint`: lowered branch by branch from there while that saves cost. Picking the best of many on the same
   *   samples uses `delta` many times, so it is only for comparing branches, with the outcome measured on other samples.
   */
  search?: 'shared' | 'joint';
}

/**
 * The cheapest thresholds whose agreement on the table leaves enough margin for the goal; or, if the goal is a cost,
 * the safest ones that it allows.
 * @param exitCosts cost of each exit, the final one last
 */
export function chooseThresholds(
  table: CalibrationTable,
  exitCosts: readonly number[],
  goal: ThresholdGoal,
  options: ChooseOptions = {},
): ChosenThresholds {
  const thresholds = (
    'cost' in goal ? forCost(table, exitCosts, goal) : forAgreement(table, exitCosts, goal, options)
  ).map(roundThreshold);
  const outcome = evaluateThresholds(table, thresholds, exitCosts);
  const disagreements = Math.round((1 - outcome.agreement) * table.samples);
  const agreement =
    'cost' in goal ? provenAgreement(table.samples, disagreements, goal.delta) : goal.agreement;
  return { thresholds, outcome, agreement };
}

function forAgreement(
  table: CalibrationTable,
  exitCosts: readonly number[],
  { agreement, delta }: { agreement: number; delta: number },
  { search = 'shared' }: ChooseOptions,
): number[] {
  const allowed = allowedDisagreements(table.samples, agreement, delta);
  const lowest = lowestSharedThreshold(table, allowed);
  const branches = table.branches.length;
  const start = lowest === null ? neverExit(branches) : new Array<number>(branches).fill(lowest);
  return search === 'joint' ? searchJointly(table, exitCosts, allowed, start) : start;
}

/** If even the cheapest thresholds cost too much, every sample exits at the first branch. */
function forCost(
  table: CalibrationTable,
  exitCosts: readonly number[],
  { cost, delta }: { cost: number; delta: number },
): number[] {
  const threshold = highestAffordableThreshold(table, exitCosts, cost, delta);
  return table.branches.map(() => threshold ?? 0);
}

/** Confidences are kept with six decimals; so are thresholds, rounded up so that no further samples exit. */
const roundThreshold = (threshold: number) => Math.max(0, Math.ceil(threshold * 1e6 - 1e-6) / 1e6);
