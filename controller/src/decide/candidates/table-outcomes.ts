import type { BinnedTable } from './binned-table.js';

/** The outcome of each candidate of a path, by the calibration table. */
export interface TableOutcomes {
  /** Per candidate: the number of equally weighted samples with the same certainty about its disagreement; at most the table's. */
  effectiveSamples: Float64Array;
  /** Per candidate: share of samples that get another answer than the backbone's. */
  disagreement: Float64Array;
  /** Per exit, the final one last, and per candidate: share of samples that exit there. */
  exitShares: Float64Array[];
}

/** Disagreeing samples of average weight that are added to estimate effective sizes, because few samples estimate them badly. */
const priorDisagreed = 5;

/** @param weights one per sample of the table, with any sum */
export function tableOutcomes(table: BinnedTable, weights: Float64Array): TableOutcomes {
  const { candidates, opens, agrees, finalDisagrees } = table;
  let sum = 0;
  let squares = 0;
  for (const weight of weights) {
    sum += weight;
    squares += weight * weight;
  }
  // Records changes from one candidate to the next, which are summed below.
  const disagreement = new Float64Array(candidates + 1);
  const squared = new Float64Array(candidates + 1);
  const exitShares = Array.from({ length: opens.length + 1 }, () => new Float64Array(candidates + 1));
  const note = (changes: Float64Array, from: number, to: number, share: number) => {
    changes[from] = (changes[from] as number) + share;
    changes[to] = (changes[to] as number) - share;
  };
  const noteDisagreement = (from: number, to: number, share: number) => {
    note(disagreement, from, to, share);
    note(squared, from, to, share * share);
  };
  for (let sample = 0; sample < table.samples; sample++) {
    const share = (weights[sample] as number) / sum;
    let to = candidates;
    opens.forEach((branch, exit) => {
      const from = branch[sample] as number;
      note(exitShares[exit] as Float64Array, from, to, share);
      if (!agrees[exit]?.[sample]) noteDisagreement(from, to, share);
      to = from;
    });
    note(exitShares.at(-1) as Float64Array, 0, to, share);
    if (finalDisagrees[sample]) noteDisagreement(0, to, share);
  }
  const shares = runningSums(disagreement);
  const kish = squares === 0 ? 0 : (sum * sum) / squares;
  return {
    // For a rare event, the effective size depends on the weights of the disagreeing samples.
    effectiveSamples: runningSums(squared).map((square, candidate) =>
      Math.min(
        table.samples,
        ((shares[candidate] as number) + priorDisagreed / kish) / (square + priorDisagreed / kish ** 2),
      ),
    ),
    disagreement: shares,
    exitShares: exitShares.map(runningSums),
  };
}

function runningSums(changes: Float64Array): Float64Array {
  let sum = 0;
  // Remove rounding errors of shares that have become 0.
  return changes.subarray(0, -1).map((change) => {
    sum += change;
    return Math.abs(sum) < 1e-15 ? 0 : sum;
  });
}

/** Share of samples at each exit under a candidate. */
export function sharesAt(outcomes: TableOutcomes, candidate: number): number[] {
  return outcomes.exitShares.map((shares) => shares[candidate] as number);
}

/** Mean of a value per exit, weighted by `shares`. */
export function meanOf(perExit: readonly number[], shares: readonly number[]): number {
  return shares.reduce((sum, share, exit) => sum + share * (perExit[exit] as number), 0);
}
