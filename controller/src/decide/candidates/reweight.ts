import { sumCounts } from '../drift/confidence-drift.js';
import { compareHistograms } from '../drift/histogram-change.js';
import type { BinnedTable } from './binned-table.js';

/** Confidences that were observed under one policy. */
export interface ObservedConfidences {
  /** Per branch, the lowest bin that exits. */
  cuts: readonly number[];
  /** Per branch, samples that reached it, one count a bin. */
  histograms: readonly (readonly number[])[];
}

/** Weight of the table, in samples, where traffic differs from it: the noise of a few samples must not move weights. */
const priorSamples = 500;
/**
 * Evidence that traffic differs from the table, at any branch, must exceed these odds: a hundred to one. Below, weights
 * do not change, because small changes would make a proof appear and disappear.
 */
const tableLogOdds = 4.6;
/**
 * The same for cheaper thresholds: a thousand to one, so that noise does not raise the chance of missing a goal, and at
 * the first branch only. Most samples exit there, and deeper branches see only the rest.
 */
const cheaperLogOdds = 7;
/** Neighbouring bins are merged until they hold this share of the table's samples at the branch. */
const groupShare = 1 / 12;
const rounds = 3;
const maxWeight = 8;

/** One weight per sample of a table, in [1/8, 8]. */
export interface TableWeights {
  /** At odds of 100 to 1: the most likely input distribution. */
  likely: Float64Array;
  /** At odds of 1,000 to 1, by the first branch alone; the same array if that makes no difference. */
  certain: Float64Array;
}

/**
 * Weights that give the table's samples the observed distribution of confidences, at branches where the input distribution
 * provably differs: raking, or iterative proportional fitting (W. E. Deming & F. F. Stephan, 1940), over the branches. At each
 * branch only the samples that reach it count. Observations of all policies are combined, so that a new policy does not start
 * from nothing. Agreement at a given confidence is assumed to be that of the held-out samples; audits check this.
 */
export function reweight(table: BinnedTable, observed: readonly ObservedConfidences[]): TableWeights {
  const exits = observed.map(({ cuts }) => exitsUnder(table, cuts));
  // The first branch is fitted last: all samples reach it under every policy, so most is known about it.
  const fits = table.bins
    .flatMap((_, branch) => fitOf(table, branch, observed, exits) ?? [])
    .filter(({ logOdds }) => logOdds >= tableLogOdds + Math.log(table.bins.length))
    .reverse();
  const certain = fits.filter(
    ({ bins, logOdds }) => bins === table.bins[0] && logOdds >= cheaperLogOdds + Math.log(table.bins.length),
  );
  const likely = fitBranches(table, fits);
  return { likely, certain: certain.length === fits.length ? likely : fitBranches(table, certain) };
}

/** The exit of each of the table's samples; the number of branches for the final exit. */
function exitsUnder({ samples, bins }: BinnedTable, cuts: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: samples }, (_, sample) => {
    let exit = 0;
    while (exit < bins.length && (bins[exit]?.[sample] as number) < (cuts[exit] as number)) exit++;
    return exit;
  });
}

/** Neighbouring bins, and the wanted share of samples in them. */
interface WantedShare {
  from: number;
  to: number;
  share: number;
}

/** The target distribution at one branch. */
interface BranchFit {
  /** Log-odds that the input distribution differs there from the table. */
  logOdds: number;
  bins: Uint8Array;
  /** Per table sample, its share of the samples that reach the branch; 0: it does not reach it. */
  reached: Float64Array;
  /** Wanted shares of bins. */
  wanted: readonly WantedShare[];
}

/** @param exits exits of the table's samples under each observed policy */
function fitOf(
  table: BinnedTable,
  branch: number,
  observed: readonly ObservedConfidences[],
  exits: readonly Uint8Array[],
): BranchFit | null {
  const bins = table.bins[branch] as Uint8Array;
  const reached = new Float64Array(table.samples);
  const seen = observed.map(({ histograms }) => sum(histograms[branch] ?? []));
  const reaching = exits.map((all) => all.reduce((count, exit) => count + (exit >= branch ? 1 : 0), 0));
  const seenSamples = sum(seen);
  if (seenSamples === 0 || reaching.some((count, policy) => count === 0 && (seen[policy] as number) > 0))
    return null;
  const heldSamples = reaching.reduce(
    (total, count, policy) => total + (count * (seen[policy] as number)) / seenSamples,
    0,
  );
  exits.forEach((all, policy) => {
    const share =
      ((seen[policy] as number) / seenSamples) * (heldSamples / Math.max(1, reaching[policy] as number));
    all.forEach((exit, sample) => {
      if (exit >= branch) reached[sample] = (reached[sample] as number) + share;
    });
  });
  const histogram = sumCounts(observed.map(({ histograms }) => histograms[branch] ?? []));
  const held = new Array<number>(histogram.length).fill(0);
  bins.forEach((bin, sample) => {
    held[bin] = (held[bin] as number) + (reached[sample] as number);
  });
  const { logOdds } = compareHistograms(held, histogram);
  return { logOdds, bins, reached, wanted: wantedShares(held, histogram) };
}

/**
 * Shares of samples by groups of bins. The table counts as `priorSamples` samples, besides the observed ones.
 */
function wantedShares(held: readonly number[], seen: readonly number[]): WantedShare[] {
  const heldSamples = sum(held);
  const seenSamples = sum(seen);
  const wanted: WantedShare[] = [];
  let from = 0;
  let heldHere = 0;
  let seenHere = 0;
  held.forEach((count, bin) => {
    heldHere += count;
    seenHere += seen[bin] as number;
    if (heldHere < groupShare * heldSamples && bin < held.length - 1) return;
    const share = (seenHere + (priorSamples * heldHere) / heldSamples) / (seenSamples + priorSamples);
    wanted.push({ from, to: bin + 1, share });
    from = bin + 1;
    heldHere = 0;
    seenHere = 0;
  });
  return wanted;
}

function fitBranches(table: BinnedTable, fits: readonly BranchFit[]): Float64Array {
  const weights = new Float64Array(table.samples).fill(1);
  for (let round = 0; round < rounds; round++) for (const fit of fits) fitBranch(weights, fit);
  return weights;
}

function fitBranch(weights: Float64Array, { bins, reached, wanted }: BranchFit): void {
  const counts = new Float64Array((wanted.at(-1) as WantedShare).to);
  bins.forEach((bin, sample) => {
    counts[bin] = (counts[bin] as number) + (weights[sample] as number) * (reached[sample] as number);
  });
  const total = sum(counts);
  const factors = new Float64Array(counts.length);
  for (const { from, to, share } of wanted) {
    const here = sum(counts.subarray(from, to)) / total;
    factors.fill(here > 0 ? share / here : 1, from, to);
  }
  bins.forEach((bin, sample) => {
    if (reached[sample] === 0) return;
    const weight = (weights[sample] as number) * (factors[bin] as number);
    weights[sample] = Math.min(maxWeight, Math.max(1 / maxWeight, weight));
  });
}

function sum(counts: ArrayLike<number>): number {
  let total = 0;
  for (let bin = 0; bin < counts.length; bin++) total += counts[bin] as number;
  return total;
}
