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
/**
 * Odds against the world's differing from the table, at any of the branches, that evidence has to overcome: a hundred to
 * one. Up to there weights stay as they are, since the slightest would let a proof come and go.
 */
const tableLogOdds = 4.6;
/**
 * The same for what makes thresholds cheaper: a thousand to one, lest noise adds to the chance that a goal is missed, and at the
 * first branch alone. Most leave there; what deeper ones say of those who have left by then is nothing to build on.
 */
const cheaperLogOdds = 7;
/** Neighbouring bins are taken together until they hold such a share of the table's samples at the branch. */
const groupShare = 1 / 12;
const rounds = 3;
const maxWeight = 8;

/** One weight per sample of a table, in [1/8, 8]. */
export interface TableWeights {
  /** At odds of 100 to 1: what the world most likely is. */
  likely: Float64Array;
  /** At odds of 1,000 to 1, by the first branch alone; the same array where that makes no difference. */
  certain: Float64Array;
}

/**
 * Weights of the table's samples under which its confidences are distributed as those that were observed, at branches where
 * these show that the world differs: raking, or iterative proportional fitting (W. E. Deming & F. F. Stephan, 1940), over
 * the branches, of which only those samples count that reach them. All policies together say what is seen there, or a new
 * policy would begin with nothing. How often confident answers agree is taken to be as it was on the held-out samples;
 * whether it is, audits tell.
 */
export function reweight(table: BinnedTable, observed: readonly ObservedConfidences[]): TableWeights {
  const exits = observed.map(({ cuts }) => exitsUnder(table, cuts));
  // Everybody reaches the first branch, whatever the policy; last, since it is what most is known of.
  const fits = table.bins
    .flatMap((_, branch) => fitOf(table, branch, observed, exits) ?? [])
    .filter(({ logOdds }) => logOdds >= tableLogOdds + Math.log(table.bins.length))
    .reverse();
  const sure = fits.filter(
    ({ bins, logOdds }) => bins === table.bins[0] && logOdds >= cheaperLogOdds + Math.log(table.bins.length),
  );
  const likely = fitBranches(table, fits);
  return { likely, certain: sure.length === fits.length ? likely : fitBranches(table, sure) };
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

/** What fits one branch. */
interface BranchFit {
  /** That the world differs there from the table. */
  logOdds: number;
  bins: Uint8Array;
  /** How much of what the branch sees each of the table's samples is; 0: the sample does not reach it. */
  reached: Float64Array;
  /** Where they shall lie. */
  wanted: readonly WantedShare[];
}

/** @param exits where the table's samples leave, under each of what was observed */
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
 * Where samples lie. A sample as small as the table says no more than that of where samples lie, so that it counts for
 * some of what was seen.
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
