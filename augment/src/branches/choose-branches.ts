import { type CalibrationTable, evaluateThresholds, neverExit } from '@offramp/shared';
import { lowestSharedThreshold } from '../calibrate/shared-threshold.js';

/** A branch that might be attached, as a trial found it. */
export interface Candidate {
  /** Of the backbone up to its cut point, for one sample. */
  cumulativeMacs: number;
  /** Its own. */
  macs: number;
}

export interface ChoiceGoal {
  /** Agreement with the backbone to keep, in [0, 1]. */
  agreement: number;
  /** Branches to choose, at most. */
  most: number;
}

/** A further branch has to lower the cost by so much of the backbone's: every stage has its price in calls and memory. */
const leastGain = 0.002;

/**
 * Choices are compared by their mean cost at so many times the disagreement that is wanted: what half-trained branches
 * reach there, trained ones reach at what is wanted, more or less.
 */
const allowances = [1, 2, 4];

/**
 * Chooses the branches that make the cascade cheapest about an agreement, their own cost counted: one by one, whichever
 * lowers the cost most; after each, one is exchanged for another, or left out, as long as that lowers it further.
 * Costs are compared at one threshold for all, as thresholds are chosen in the end.
 * @param table what the candidates, in the order of their cut points, said of the trial's pictures
 * @returns indices into `candidates`, rising; at least one, at most one per cut point
 */
export function chooseBranches(
  table: CalibrationTable,
  candidates: readonly Candidate[],
  backboneMacs: number,
  { agreement, most }: ChoiceGoal,
): number[] {
  const costOf = (chosen: readonly number[]) => {
    const costs = allowances.map((times) => {
      const allowed = Math.floor(times * (1 - agreement) * table.samples + 1e-9);
      return costAt(allowed, table, candidates, backboneMacs, chosen);
    });
    return costs.reduce((sum, cost) => sum + cost, 0) / costs.length;
  };
  const free = (chosen: readonly number[]) => {
    const taken = new Set(chosen.map((i) => candidates[i]?.cumulativeMacs));
    return [...candidates.keys()].filter((i) => !taken.has(candidates[i]?.cumulativeMacs));
  };
  const cheapest = (options: readonly number[][]): Choice =>
    options
      .map((chosen) => ({ chosen, cost: costOf(chosen) }))
      .reduce((a, b) => (b.cost < a.cost ? b : a), { chosen: [], cost: Number.POSITIVE_INFINITY });

  const sorted = (chosen: number[]) => chosen.sort((a, b) => a - b);
  let best: Choice = { chosen: [], cost: 1 };
  while (best.chosen.length < most) {
    const { chosen, cost } = best;
    const longer = cheapest(free(chosen).map((i) => sorted([...chosen, i])));
    if (chosen.length > 0 && longer.cost > cost - leastGain) break;
    if (longer.chosen.length === 0) break;
    best = longer;
    for (let improved = true; improved; ) {
      const other = cheapest(
        best.chosen.flatMap((leaving) => {
          const rest = best.chosen.filter((i) => i !== leaving);
          const exchanged = free(rest).map((i) => sorted([...rest, i]));
          return rest.length > 0 ? [rest, ...exchanged] : exchanged;
        }),
      );
      improved = other.cost < best.cost - 1e-9;
      if (improved) best = other;
    }
  }
  return best.chosen;
}

interface Choice {
  chosen: number[];
  /** As a share of the backbone's. */
  cost: number;
}

function costAt(
  allowed: number,
  table: CalibrationTable,
  candidates: readonly Candidate[],
  backboneMacs: number,
  chosen: readonly number[],
): number {
  let branchMacs = 0;
  const costs = chosen.map((i) => {
    const { cumulativeMacs, macs } = candidates[i] as Candidate;
    branchMacs += macs;
    return (cumulativeMacs + branchMacs) / backboneMacs;
  });
  costs.push(1 + branchMacs / backboneMacs);
  const branches = chosen.map((i) => table.branches[i] as CalibrationTable['branches'][number]);
  const part: CalibrationTable = { samples: table.samples, correct: null, branches };
  const threshold = lowestSharedThreshold(part, allowed);
  const thresholds = threshold === null ? neverExit(branches.length) : branches.map(() => threshold);
  return evaluateThresholds(part, thresholds, costs).cost;
}
