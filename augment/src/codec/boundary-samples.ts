import type { InferencePool } from '@offramp/bundle';
import type { ProgressListener } from '../branches/branch-trainer.js';
import type { FittedPictures } from '../pictures/fitted-pictures.js';
import { epochBatches } from '../pictures/picture-batches.js';
import { throwIfInterrupted } from '../support/interruption.js';
import { combineSeeds } from '../support/random.js';
import { type Boundary, ownMap, runTail, runTo, withoutCarried } from './boundary.js';
import { ChannelSums } from './channel-statistics.js';
import type { ChannelStatistics } from './codec-graph.js';
import { uniformNumbers } from './uniform-numbers.js';

/** Confidences this far below a threshold are always offloaded, and as far above never: branches know training samples. */
const doubtfulConfidence = 0.05;
/** Weight of a sample that is never offloaded: new ones like it may be. */
const leastChance = 0.1;
/** Samples that channels' means and deviations are taken from. */
const measuredSamples = 2_000;
const batchSize = 128;

/** What a training needs to know of its samples at a boundary. */
export interface BoundarySamples {
  /** Per sample: its chance of being offloaded at the bundle's thresholds, in (0, 1]. */
  chances: Float32Array;
  statistics: ChannelStatistics;
  /** Of the next boundary; `null` beyond the last. */
  next: ChannelStatistics | null;
}

export interface MeasureOptions {
  seed: number;
  progress: ProgressListener;
  signal?: AbortSignal | undefined;
  /** Samples that run at a time. Default: 128. */
  memory?: { backboneBatch: number };
}

/**
 * Runs all samples up to a boundary.
 * @throws OfframpError `INTERRUPTED`, `IMAGE_INVALID`, `DATA_INVALID`, `INFERENCE_FAILED`
 */
export async function measureBoundary(
  boundary: Boundary,
  pool: InferencePool,
  pictures: FittedPictures,
  { seed, progress, signal, memory }: MeasureOptions,
): Promise<BoundarySamples> {
  const { bundle, stage, design } = boundary;
  const { size } = pictures.dataset;
  const { thresholds } = bundle.manifest.policy;
  const chances = new Float32Array(size);
  const sums = new ChannelSums(design.map);
  const nextMap = stage < bundle.branches ? ownMap(bundle, stage + 1) : null;
  const nextSums = nextMap && new ChannelSums(nextMap);
  progress.step('running training samples to the boundary', size);
  let seen = 0;
  const most = Math.min(batchSize, memory?.backboneBatch ?? batchSize);
  const all = Array.from({ length: size }, (_, i) => i);
  for await (const { indices, input } of epochBatches(pictures, all, { seed, epoch: 0, batchSize: most })) {
    throwIfInterrupted(signal);
    const batch = indices.length;
    const { activation, confidences } = await runTo(boundary, pool, input, batch);
    indices.forEach((index, row) => {
      const at = confidences.map((values) => values[row] as number);
      chances[index] = chanceOf(at, thresholds);
    });
    if (seen < measuredSamples) {
      sums.add(withoutCarried(bundle, stage, activation, batch));
      const { next } = nextSums ? await runTail(boundary, pool, activation, batch) : { next: null };
      if (next) nextSums?.add(next);
    }
    seen += batch;
    progress.advance(batch);
  }
  return { chances, statistics: sums.statistics(), next: nextSums?.statistics() ?? null };
}

function chanceOf(confidences: readonly number[], thresholds: readonly number[]): number {
  const passes = confidences.map((confidence, exit) => {
    const below = (thresholds[exit] as number) - confidence;
    return Math.max(0, Math.min(1, 0.5 + below / (2 * doubtfulConfidence)));
  });
  const chance = passes.reduce((product, each) => product * each, 1);
  return leastChance + (1 - leastChance) * (Number.isFinite(chance) ? chance : 1);
}

/** Draws samples by their chance; the same from the same seed. @returns `count` indices */
export function drawSamples(chances: Float32Array, count: number, ...seeds: readonly number[]): number[] {
  const upTo = new Float64Array(chances.length);
  let sum = 0;
  chances.forEach((chance, i) => {
    sum += chance;
    upTo[i] = sum;
  });
  const uniform = uniformNumbers(count, combineSeeds(...seeds));
  return Array.from(uniform, (value) => firstAbove(upTo, value * sum));
}

function firstAbove(upTo: Float64Array, value: number): number {
  let low = 0;
  let high = upTo.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((upTo[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
