import type { BinnedTable } from './binned-table.js';
import { sumCounts } from './confidence-drift.js';

/** Confidences that were seen under one policy. */
export interface ObservedConfidences {
  /** Per branch, the lowest bin that leaves. */
  cuts: readonly number[];
  /** Per branch, samples that reached it, one count a bin. */
  histograms: readonly (readonly number[])[];
}

/** So many samples the table speaks for as the histograms do, lest the noise of a few samples moves weights. */
const priorSamples = 500;
/** Neighbouring bins are taken together until they hold such a share of the table's samples at the branch. */
const groupShare = 1 / 12;
const rounds = 3;
const maxWeight = 8;

/**
 * Weights of the table's samples under which its confidences are distributed as those that were observed: raking, or
 * iterative proportional fitting (W. E. Deming & F. F. Stephan, 1940), over the branches, of which only those samples
 * count that reach them. The deeper ones are fitted to the newest policy alone: what is passed under others matters less, and
 * every distribution that is fitted costs effective size. How often confident answers agree is taken to be as it was on the
 * held-out samples; whether it is, audits tell.
 * @param observed newest last
 * @returns one weight per sample, in [1/8, 8]
 */
export function reweight(table: BinnedTable, observed: readonly ObservedConfidences[]): Float64Array {
  const weights = new Float64Array(table.samples).fill(1);
  const newest = observed.at(-1);
  const exits = newest ? exitsUnder(table, newest.cuts) : new Uint8Array(0);
  const limits = (newest?.histograms.slice(1) ?? []).map((histogram, i) => ({
    branch: i + 1,
    histogram,
    reached: samplesThatReach(i + 1, exits),
  }));
  // Everybody reaches the first branch, whatever the policy; last, since it is what most is known of.
  limits.push({
    branch: 0,
    histogram: sumCounts(observed.map(({ histograms }) => histograms[0] ?? [])),
    reached: Array.from(weights.keys()),
  });
  for (let round = 0; round < rounds; round++) {
    for (const { branch, histogram, reached } of limits) {
      fitBranch(weights, table.bins[branch] as Uint8Array, reached, histogram);
    }
  }
  return weights;
}

function samplesThatReach(branch: number, exits: Uint8Array): number[] {
  const reached: number[] = [];
  exits.forEach((exit, sample) => {
    if (exit >= branch) reached.push(sample);
  });
  return reached;
}

/** Where each of the table's samples leaves; the number of branches for the final exit. */
function exitsUnder({ samples, bins }: BinnedTable, cuts: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: samples }, (_, sample) => {
    let exit = 0;
    while (exit < bins.length && (bins[exit]?.[sample] as number) < (cuts[exit] as number)) exit++;
    return exit;
  });
}

function fitBranch(
  weights: Float64Array,
  bins: Uint8Array,
  reached: readonly number[],
  histogram: readonly number[],
): void {
  const expected = new Float64Array(histogram.length);
  let total = 0;
  for (const sample of reached) {
    const weight = weights[sample] as number;
    const bin = bins[sample] as number;
    expected[bin] = (expected[bin] as number) + weight;
    total += weight;
  }
  const seen = histogram.reduce((sum, count) => sum + count, 0);
  if (total === 0 || seen === 0) return;
  const factors = new Float64Array(histogram.length);
  let start = 0;
  let expectedHere = 0;
  let seenHere = 0;
  for (let bin = 0; bin < histogram.length; bin++) {
    expectedHere += (expected[bin] as number) / total;
    seenHere += histogram[bin] as number;
    if (expectedHere < groupShare && bin < histogram.length - 1) continue;
    const wanted = (seenHere + priorSamples * expectedHere) / (seen + priorSamples);
    factors.fill(expectedHere > 0 ? wanted / expectedHere : 1, start, bin + 1);
    start = bin + 1;
    expectedHere = 0;
    seenHere = 0;
  }
  for (const sample of reached) {
    const weight = (weights[sample] as number) * (factors[bins[sample] as number] as number);
    weights[sample] = Math.min(maxWeight, Math.max(1 / maxWeight, weight));
  }
}
