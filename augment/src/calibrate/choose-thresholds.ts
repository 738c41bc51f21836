import { type CalibrationTable, evaluateThresholds, neverExit, type ThresholdOutcome } from '@offramp/shared';
import { allowedDisagreements } from './binomial.js';

export interface ThresholdGoal {
  /** Agreement with the backbone to keep, in [0, 1]. */
  agreement: number;
  /** Probability with which the agreement on new samples may turn out lower. */
  delta: number;
}

export interface ChosenThresholds {
  /** One per branch. */
  thresholds: number[];
  outcome: ThresholdOutcome;
}

/** How many thresholds are tried per branch: quantiles of its confidences. */
const gridSize = 200;

/**
 * The cheapest thresholds found whose agreement on the table keeps the goal's bound. Confidences
 * estimate agreement on one scale, so the search starts from the best threshold shared by all branches
 * and then lowers them one branch at a time while that saves cost.
 * @param exitCosts what leaving at each exit costs; the final exit last
 */
export function chooseThresholds(
  table: CalibrationTable,
  exitCosts: readonly number[],
  goal: ThresholdGoal,
): ChosenThresholds {
  const allowed = allowedDisagreements(table.samples, goal.agreement, goal.delta);
  const judge = (thresholds: number[]): ChosenThresholds | null => {
    const outcome = evaluateThresholds(table, thresholds, exitCosts);
    const disagreements = Math.round((1 - outcome.agreement) * table.samples);
    return disagreements <= allowed ? { thresholds, outcome } : null;
  };
  const branches = table.branches.length;
  const never = neverExit(branches);
  let best: ChosenThresholds = { thresholds: never, outcome: evaluateThresholds(table, never, exitCosts) };
  const consider = (thresholds: number[]): boolean => {
    const candidate = judge(thresholds);
    if (!candidate || candidate.outcome.cost >= best.outcome.cost - 1e-9) return false;
    best = candidate;
    return true;
  };

  for (const threshold of quantiles(table.branches.flatMap((branch) => branch.confidence))) {
    consider(new Array<number>(branches).fill(threshold));
  }
  for (let improved = true; improved; ) {
    improved = false;
    for (let branch = 0; branch < branches; branch++) {
      const start = best.thresholds;
      for (const threshold of quantiles(table.branches[branch]?.confidence ?? [])) {
        if (consider(start.with(branch, threshold))) improved = true;
      }
      // Room for a branch may have to come from another one: trade pairs as well.
      for (let other = 0; other < branches; other++) {
        if (other === branch) continue;
        const pairStart = best.thresholds;
        for (const raise of [0.002, 0.005, 0.01, 0.02]) {
          const raised = pairStart.with(other, (pairStart[other] as number) + raise);
          for (const lower of [0.005, 0.01, 0.02, 0.04]) {
            if (consider(raised.with(branch, Math.max(0, (raised[branch] as number) - lower))))
              improved = true;
          }
        }
      }
    }
  }
  return { thresholds: best.thresholds.map(roundThreshold), outcome: best.outcome };
}

/** Confidences are kept with six decimals; so are thresholds, rounded up so that nobody more leaves. */
const roundThreshold = (threshold: number) => Math.ceil(threshold * 1e6 - 1e-6) / 1e6;

function quantiles(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const picked = new Set<number>();
  for (let i = 0; i <= gridSize; i++) {
    const value = sorted[Math.min(sorted.length - 1, Math.floor((i / gridSize) * sorted.length))];
    if (value !== undefined) picked.add(value);
  }
  return [...picked];
}
