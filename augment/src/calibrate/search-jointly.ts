import { type CalibrationTable, evaluateThresholds } from '@offramp/shared';

/** How many thresholds are tried per branch: quantiles of its confidences. */
const gridSize = 200;
/** What one branch gives and another takes, where room has to come from somewhere. */
const raises = [0.002, 0.005, 0.01, 0.02];
const lowerings = [0.005, 0.01, 0.02, 0.04];

/**
 * Cheaper thresholds than the given ones, by coordinate descent on the table.
 * @param allowed most disagreements
 */
export function searchJointly(
  table: CalibrationTable,
  exitCosts: readonly number[],
  allowed: number,
  start: readonly number[],
): number[] {
  const outcomeOf = (thresholds: readonly number[]) => evaluateThresholds(table, thresholds, exitCosts);
  let best = [...start];
  let bestCost = outcomeOf(best).cost;
  const consider = (thresholds: number[]): boolean => {
    const { agreement, cost } = outcomeOf(thresholds);
    if (cost >= bestCost - 1e-9 || Math.round((1 - agreement) * table.samples) > allowed) return false;
    best = thresholds;
    bestCost = cost;
    return true;
  };
  for (let improved = true; improved; ) {
    improved = false;
    for (const [branch, { confidence }] of table.branches.entries()) {
      const before = best;
      for (const threshold of quantiles(confidence)) {
        if (consider(before.with(branch, threshold))) improved = true;
      }
      for (let other = 0; other < table.branches.length; other++) {
        if (other === branch) continue;
        const pairStart = best;
        for (const raise of raises) {
          const raised = pairStart.with(other, (pairStart[other] as number) + raise);
          for (const lower of lowerings) {
            if (consider(raised.with(branch, Math.max(0, (raised[branch] as number) - lower))))
              improved = true;
          }
        }
      }
    }
  }
  return best;
}

function quantiles(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const picked = new Set<number>();
  for (let i = 0; i <= gridSize; i++) {
    const value = sorted[Math.min(sorted.length - 1, Math.floor((i / gridSize) * sorted.length))];
    if (value !== undefined) picked.add(value);
  }
  return [...picked];
}
