import { type CalibrationTable, evaluateThresholds } from '@offramp/bundle';
import { neverExit } from '@offramp/contracts';
import { lowestSharedThreshold } from '../calibrate/shared-threshold.js';

/** A candidate branch of a trial. */
export interface Candidate {
  /** The backbone's MACs up to its cut point, for one sample. */
  cumulativeMacs: number;
  /** The branch's own MACs. */
  macs: number;
}

export interface ChoiceGoal {
  /** Agreement with the backbone to keep, in [0, 1]. */
  agreement: number;
  /** Maximum number of branches. */
  most: number;
}

/** The branches must lower the cost by this share of the backbone's together. */
export const leastWorth = 0.01;

/** A further branch must lower the cost by this share of the backbone's: every stage costs calls and memory. */
const leastGain = 0.002;

/**
 * Choices are compared by their mean cost at these multiples of the allowed disagreement: half-trained branches reach
 * there about what trained ones reach at the allowed disagreement.
 */
const allowances = [1, 2, 4];

/**
 * Chooses the branches that make the cascade cheapest around an agreement, branches included. Adds one at a time, the one that
 * lowers the cost most; after each, exchanges or removes one as long as that lowers the cost further.
 * Costs are compared at one threshold for all branches, which is how final thresholds are chosen.
 * @param table outcomes of the candidates, in the order of their cut points, on the trial's pictures
 * No exit costs more than the whole backbone.
 */
export function chooseBranches(
  table: CalibrationTable,
  candidates: readonly Candidate[],
  backboneMacs: number,
  { agreement, most }: ChoiceGoal,
): BranchChoice {
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
    // The first may cost more than the backbone: two together can save.
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
  return { ...best, pays: best.chosen.length > 0 && best.cost <= 1 - leastWorth };
}

interface Choice {
  /** Indices into the candidates, rising; at most one per cut point. None where no exit costs less than the backbone. */
  chosen: number[];
  /** Mean cost of the cascade, as a share of the backbone's. */
  cost: number;
}

export interface BranchChoice extends Choice {
  /** Whether the cascade is cheaper than the backbone by {@link leastWorth}. */
  pays: boolean;
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
  if (costs.some((cost) => cost >= 1)) return Number.POSITIVE_INFINITY;
  costs.push(1 + branchMacs / backboneMacs);
  const branches = chosen.map((i) => table.branches[i] as CalibrationTable['branches'][number]);
  const part: CalibrationTable = { samples: table.samples, correct: null, branches };
  const threshold = lowestSharedThreshold(part, allowed);
  const thresholds = threshold === null ? neverExit(branches.length) : branches.map(() => threshold);
  return evaluateThresholds(part, thresholds, costs).cost;
}
