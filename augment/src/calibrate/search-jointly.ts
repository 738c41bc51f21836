import { type CalibrationTable, evaluateThresholds } from '@offramp/bundle';
import { neverExits } from '@offramp/contracts';

/**
 * Shares of the samples at a branch's threshold by which it is raised to make room for another branch. Shares make the search
 * independent of the confidences' scale.
 */
const givenShares = [0.003, 0.01, 0.03, 0.1];
/** Smaller savings than this are rounding. */
const leastSaving = 1e-9;

/**
 * Cheaper thresholds than the given ones, by coordinate descent on the table: each branch's best threshold, with the
 * others unchanged, or with one of them raised.
 * @param allowed most disagreements
 */
export function searchJointly(
  table: CalibrationTable,
  exitCosts: readonly number[],
  allowed: number,
  start: readonly number[],
): number[] {
  const branches = table.branches.map(({ confidence, agrees }) => ({
    confidence: Float64Array.from(confidence),
    disagrees: Uint8Array.from(agrees, (bit) => (bit === '1' ? 0 : 1)),
    /** Samples, most confident first. */
    order: confidence.map((_, i) => i).sort((a, b) => (confidence[b] as number) - (confidence[a] as number)),
  }));
  const disagreesAtFinal = Uint8Array.from(table.finalAgrees ?? '', (bit) => (bit === '1' ? 0 : 1));
  const search: Search = { samples: table.samples, branches, atFinal: disagreesAtFinal, exitCosts, allowed };
  let best = [...start];
  let bestCost = evaluateThresholds(table, best, exitCosts).cost;
  const lower = (branch: number, others: readonly number[]): boolean => {
    const { threshold, cost } = bestThreshold(search, branch, others);
    if (cost >= bestCost - leastSaving) return false;
    best = others.with(branch, threshold);
    bestCost = cost;
    return true;
  };
  for (let improved = true; improved; ) {
    improved = false;
    for (let branch = 0; branch < branches.length; branch++) {
      if (lower(branch, best)) improved = true;
      for (let giver = 0; giver < branches.length; giver++) {
        if (giver === branch) continue;
        const before = best;
        for (const share of givenShares) {
          const raised = raisedThreshold(branches[giver] as SearchedBranch, before[giver] as number, share);
          if (lower(branch, before.with(giver, raised))) improved = true;
        }
      }
    }
  }
  return best;
}

interface SearchedBranch {
  confidence: Float64Array;
  disagrees: Uint8Array;
  order: readonly number[];
}

interface Search {
  samples: number;
  branches: readonly SearchedBranch[];
  /** Whether each sample disagrees at the final exit; empty: none does. */
  atFinal: Uint8Array;
  exitCosts: readonly number[];
  allowed: number;
}

/** The cheapest threshold of a branch with the others' given, in one pass over the samples. */
function bestThreshold(
  { samples, branches, atFinal, exitCosts, allowed }: Search,
  branch: number,
  thresholds: readonly number[],
): { threshold: number; cost: number } {
  const costOf = (exit: number) => exitCosts[exit] as number;
  const disagreesAt = (sample: number, exit: number) => (branches[exit]?.disagrees ?? atFinal)[sample] ?? 0;
  /** Each sample's exit if it does not exit at this branch. */
  const otherExits = new Uint8Array(samples);
  let cost = 0;
  let disagreements = 0;
  for (let sample = 0; sample < samples; sample++) {
    let exit = 0;
    while (exit < branches.length) {
      const leaves = (branches[exit]?.confidence[sample] as number) >= (thresholds[exit] as number);
      if (exit !== branch && leaves) break;
      exit++;
    }
    otherExits[sample] = exit;
    cost += costOf(exit);
    disagreements += disagreesAt(sample, exit);
  }
  const { confidence, order } = branches[branch] as SearchedBranch;
  const best = {
    threshold: neverExits,
    cost: disagreements <= allowed ? cost : Number.POSITIVE_INFINITY,
  };
  for (let i = 0; i < order.length; ) {
    const threshold = confidence[order[i] as number] as number;
    for (; i < order.length && confidence[order[i] as number] === threshold; i++) {
      const sample = order[i] as number;
      const other = otherExits[sample] as number;
      if (other < branch) continue;
      cost += costOf(branch) - costOf(other);
      disagreements += disagreesAt(sample, branch) - disagreesAt(sample, other);
    }
    if (disagreements <= allowed && cost < best.cost) Object.assign(best, { threshold, cost });
  }
  return { threshold: best.threshold, cost: best.cost / samples };
}

/** The threshold that `share` fewer of the samples reach. */
function raisedThreshold({ confidence, order }: SearchedBranch, threshold: number, share: number): number {
  const reaching = order.filter((sample) => (confidence[sample] as number) >= threshold).length;
  const last = order[Math.floor(reaching * (1 - share)) - 1];
  return last === undefined ? neverExits : (confidence[last] as number);
}
