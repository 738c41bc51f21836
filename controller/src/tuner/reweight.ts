import type { BinnedTable } from './binned-table.js';
import { sumCounts } from './confidence-drift.js';
import { compareHistograms } from './histogram-change.js';

/** Confidences that were seen under one policy. */
export interface ObservedConfidences {
  /** Per branch, the lowest bin that leaves. */
  cuts: readonly number[];
  /** Per branch, samples that reached it, one count a bin. */
  histograms: readonly (readonly number[])[];
}

/** So many samples the table speaks for where the world differs from it, lest the noise of a few samples moves weights. */
const priorSamples = 500;
/** Odds against the world's differing from the table that evidence has to overcome: e^3, twenty to one. */
const tableLogOdds = 3;
/** Neighbouring bins are taken together until they hold such a share of the table's samples at the branch. */
const groupShare = 1 / 12;
const rounds = 3;
const maxWeight = 8;

/**
 * Weights of the table's samples under which its confidences are distributed as those that were observed, as far as these
 * show that the world differs: raking, or
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
  const fits = limits.flatMap(({ branch, histogram, reached }) => {
    const bins = table.bins[branch] as Uint8Array;
    const wanted = wantedShares(countsOf(bins, reached, histogram.length), histogram);
    return wanted.length === 0 ? [] : [{ bins, reached, wanted }];
  });
  for (let round = 0; round < rounds; round++) for (const fit of fits) fitBranch(weights, fit);
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

/** Neighbouring bins, and the share of samples that shall have one of them. */
interface WantedShare {
  from: number;
  to: number;
  share: number;
}

/** What fits one branch: the table's samples that reach it, and where they shall lie. */
interface BranchFit {
  bins: Uint8Array;
  reached: readonly number[];
  wanted: readonly WantedShare[];
}

/**
 * Where samples lie: as in the table, or as what was seen, by how likely it is that the two differ. A sample as
 * small as the table says no more than that of where samples lie; its noise would move thresholds from day to day.
 */
function wantedShares(held: readonly number[], seen: readonly number[]): WantedShare[] {
  const heldSamples = sum(held);
  const seenSamples = sum(seen);
  if (heldSamples === 0 || seenSamples === 0) return [];
  const moved = 1 / (1 + Math.exp(tableLogOdds - compareHistograms(held, seen).logOdds));
  const wanted: WantedShare[] = [];
  let from = 0;
  let heldHere = 0;
  let seenHere = 0;
  held.forEach((count, bin) => {
    heldHere += count;
    seenHere += seen[bin] as number;
    if (heldHere < groupShare * heldSamples && bin < held.length - 1) return;
    const share = heldHere / heldSamples;
    const seenShare = (seenHere + priorSamples * share) / (seenSamples + priorSamples);
    wanted.push({ from, to: bin + 1, share: moved * seenShare + (1 - moved) * share });
    from = bin + 1;
    heldHere = 0;
    seenHere = 0;
  });
  return wanted;
}

function fitBranch(weights: Float64Array, { bins, reached, wanted }: BranchFit): void {
  const counts = new Float64Array((wanted.at(-1) as WantedShare).to);
  for (const sample of reached) {
    const bin = bins[sample] as number;
    counts[bin] = (counts[bin] as number) + (weights[sample] as number);
  }
  const total = sum(counts);
  const factors = new Float64Array(counts.length);
  for (const { from, to, share } of wanted) {
    const here = sum(counts.subarray(from, to)) / total;
    factors.fill(here > 0 ? share / here : 1, from, to);
  }
  for (const sample of reached) {
    const weight = (weights[sample] as number) * (factors[bins[sample] as number] as number);
    weights[sample] = Math.min(maxWeight, Math.max(1 / maxWeight, weight));
  }
}

function countsOf(bins: Uint8Array, samples: readonly number[], length: number): number[] {
  const counts = new Array<number>(length).fill(0);
  for (const sample of samples)
    counts[bins[sample] as number] = (counts[bins[sample] as number] as number) + 1;
  return counts;
}

function sum(counts: ArrayLike<number>): number {
  let total = 0;
  for (let bin = 0; bin < counts.length; bin++) total += counts[bin] as number;
  return total;
}
