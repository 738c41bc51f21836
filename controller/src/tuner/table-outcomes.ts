import type { BinnedTable } from './binned-table.js';

/** What each candidate of a path would do, by the calibration table. */
export interface TableOutcomes {
  /** Samples of equal weight that would know as much; at most the table's samples. */
  effectiveSamples: number;
  /** Per candidate: share of samples that leave early with another answer than the backbone's. */
  disagreement: Float64Array;
  /** Per exit, the final one last, and per candidate: share of samples that leave there. */
  exitShares: Float64Array[];
}

/** @param weights one per sample of the table, of any sum */
export function tableOutcomes(table: BinnedTable, weights: Float64Array): TableOutcomes {
  const candidates = table.exits.length / Math.max(1, table.samples);
  const disagreement = new Float64Array(candidates);
  const exitShares = Array.from({ length: table.bins.length + 1 }, () => new Float64Array(candidates));
  let sum = 0;
  let squares = 0;
  for (const weight of weights) {
    sum += weight;
    squares += weight * weight;
  }
  for (let sample = 0; sample < table.samples; sample++) {
    const share = (weights[sample] as number) / sum;
    const start = sample * candidates;
    for (let candidate = 0; candidate < candidates; candidate++) {
      const shares = exitShares[table.exits[start + candidate] as number] as Float64Array;
      shares[candidate] = (shares[candidate] as number) + share;
      if (table.disagrees[start + candidate]) {
        disagreement[candidate] = (disagreement[candidate] as number) + share;
      }
    }
  }
  return { effectiveSamples: squares === 0 ? 0 : (sum * sum) / squares, disagreement, exitShares };
}
