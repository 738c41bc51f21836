import {
  type ActivationCodecManifest,
  type Bundle,
  brokenExitError,
  type CascadeSample,
  type CodecChoice,
  checkTensor,
  codecNamed,
  elementsOf,
  encodeTensor,
  InferencePool,
  runStage,
  type StageRunner,
  stageLayout,
} from '@offramp/bundle';
import { type ExitOutcome, leaves, neverExit } from '@offramp/contracts';
import type { Dataset } from '@offramp/data';
import type { ProgressListener } from '../branches/branch-trainer.js';
import { type PictureBatch, pictureBatches } from '../pictures/picture-batches.js';
import { throwIfInterrupted } from '../support/interruption.js';
import { type CodecCandidate, codecCandidates } from './codec-candidates.js';
import { firstPictures, mostContenders } from './codec-runs.js';
import { CodecTally, cheapestCodec } from './codec-tally.js';

export interface ChooseCodecsOptions {
  /** Allowed loss of agreement, as a share of the pictures. Default 0.001: 0.1 point. */
  allowedLoss?: number;
  /** Pictures to use, from the first. Default 10,000. */
  limit?: number;
  /** Inference threads. Default 1. */
  threads?: number;
  /** Samples per batch, at most. Default: as many as activations of a bounded size come from. */
  batchSize?: number;
  progress: ProgressListener;
  signal?: AbortSignal | undefined;
}

export const defaultAllowedLoss = 0.001;
export const defaultLimit = 10_000;
const maxBatch = 64;
/** Limit for the activations of one batch at all boundaries together. */
const maxBatchBytes = 64 * 2 ** 20;
/** If fewer pictures than this are offloaded, all pictures are used, because few give little evidence. */
export const minOffloaded = 100;

/** One stage boundary on trial. */
interface Boundary {
  /** The stage whose input is encoded. */
  stage: number;
  /** Whether pictures that exit earlier under the bundle's thresholds are left out. */
  offloadedOnly: boolean;
  /** Candidates within the allowed loss so far, including a lossless one. */
  tallies: CodecTally[];
  /** Those of them that have been tried on all pictures. */
  tried: CodecTally[];
  /** Pictures that exit earlier with the backbone's answer. */
  agreedBefore: number;
}

/**
 * Finds for every stage boundary the smallest codec whose loss of agreement is within bounds: pictures that the
 * bundle's thresholds offload there are encoded, decoded and run through the rest of the cascade.
 * @param dataset pictures that no part of the bundle was trained on
 * @returns one per stage, `undefined` for the last one
 * @throws OfframpError `INTERRUPTED`, `DATA_INVALID`, `IMAGE_INVALID`, `BUNDLE_CORRUPT`, `INFERENCE_FAILED`
 */
export async function chooseCodecs(
  bundle: Bundle,
  dataset: Dataset,
  options: ChooseCodecsOptions,
): Promise<(ActivationCodecManifest | undefined)[]> {
  const { progress, signal, threads = 1, allowedLoss = defaultAllowedLoss } = options;
  const { input, stages } = bundle.manifest;
  const samples = Math.min(dataset.size, options.limit ?? defaultLimit);
  const allowedLost = Math.floor(samples * allowedLoss + 1e-9);
  const batchSize = Math.min(options.batchSize ?? maxBatch, batchSizeOf(bundle));
  const boundaries = await boundariesOf(bundle, samples);
  const pool = await InferencePool.create(bundle, { threads });
  const tryPictures = async (from: number, to: number, trials: readonly Trial[]) => {
    const running = new Set<Promise<void>>();
    const indices = Array.from({ length: to - from }, (_, i) => from + i);
    for await (const batch of pictureBatches(dataset, indices, input, batchSize)) {
      throwIfInterrupted(signal);
      const job = tryBatch(bundle, pool, batch, trials, allowedLost).then(() => {
        progress.advance(batch.indices.length);
      });
      running.add(job);
      job.then(
        () => running.delete(job),
        () => undefined,
      );
      if (running.size >= threads) await Promise.race(running);
    }
    await Promise.all(running);
    throwIfInterrupted(signal);
  };
  progress.step('choosing codecs', samples);
  try {
    const first = Math.min(firstPictures, samples);
    await tryPictures(
      0,
      first,
      boundaries.map((boundary) => ({ boundary, contenders: boundary.tallies, isFirst: true })),
    );
    for (let isFirst = true; ; isFirst = false) {
      const trials = boundaries.map((boundary) => ({
        boundary,
        contenders: contendersOf(boundary),
        isFirst,
      }));
      if (trials.every(({ contenders }) => contenders.length === 0)) break;
      if (!isFirst) progress.step('choosing finer codecs', samples - first);
      await tryPictures(first, samples, trials);
      for (const { boundary, contenders } of trials) boundary.tried.push(...contenders);
    }
  } finally {
    await pool.close();
  }
  return stages.map((_, i) => {
    const boundary = boundaries[i];
    if (!boundary) return undefined;
    const { tried, agreedBefore } = boundary;
    return cheapestCodec(tried, { samples, agreedBefore, allowedLost });
  });
}

async function boundariesOf(bundle: Bundle, samples: number): Promise<Boundary[]> {
  const table = await bundle.readCalibration();
  const { thresholds } = bundle.manifest.policy;
  return thresholds.map((_, branch) => {
    let offloaded = 0;
    for (let sample = 0; sample < table.samples; sample++) {
      const left = thresholds
        .slice(0, branch + 1)
        .some((threshold, i) => leaves(table.branches[i]?.confidence[sample] as number, threshold));
      if (!left) offloaded++;
    }
    return {
      stage: branch + 1,
      offloadedOnly: (offloaded / Math.max(1, table.samples)) * samples >= minOffloaded,
      tallies: codecCandidates(stageLayout(bundle.manifest, branch + 1)).map(
        (candidate) => new CodecTally(candidate),
      ),
      tried: [],
      agreedBefore: 0,
    };
  });
}

export function batchSizeOf({ manifest }: Bundle): number {
  const elements = manifest.stages.reduce((sum, { inputShape }) => sum + elementsOf(inputShape), 0);
  return Math.max(1, Math.min(maxBatch, Math.floor(maxBatchBytes / (4 * elements))));
}

/** A boundary and the codecs that are tried on some pictures. */
interface Trial {
  boundary: Boundary;
  contenders: readonly CodecTally[];
  /** Whether the pictures have not been seen at this boundary. */
  isFirst: boolean;
}

/** The smallest of the codecs that remain, unless one that has been tried on all pictures does. */
function contendersOf({ tallies, tried }: Boundary): CodecTally[] {
  if (tallies.some((tally) => tried.includes(tally))) return [];
  const bytes = (tally: CodecTally) => tally.bytes / Math.max(1, tally.samples);
  return tallies.toSorted((a, b) => bytes(a) - bytes(b)).slice(0, mostContenders);
}

/** Runs a batch through every exit, then from every boundary with the codecs that are tried there. */
async function tryBatch(
  bundle: Bundle,
  runner: StageRunner,
  batch: PictureBatch,
  trials: readonly Trial[],
  allowedLost: number,
): Promise<void> {
  const { exits, activations } = await runEveryExit(bundle, runner, batch);
  const { thresholds } = bundle.manifest.policy;
  for (const [i, { boundary, contenders, isFirst }] of trials.entries()) {
    if (contenders.length === 0) continue;
    const rows: TriedRow[] = [];
    for (const [row, outcomes] of exits.entries()) {
      const leftAt = exitOf(outcomes, thresholds, 0);
      const backboneLabel = (outcomes.at(-1) as ExitOutcome).label;
      if (boundary.offloadedOnly && leftAt < boundary.stage) {
        if (isFirst && outcomes[leftAt]?.label === backboneLabel) boundary.agreedBefore++;
        continue;
      }
      const exactly = outcomes[exitOf(outcomes, thresholds, boundary.stage)]?.label;
      rows.push({ row, backboneLabel, agreesExactly: exactly === backboneLabel });
    }
    if (rows.length === 0) continue;
    for (const tally of contenders) {
      if (tally.lost > allowedLost) continue;
      await tryCodec(bundle, runner, boundary, tally, rows, activations[i] as Float32Array);
      if (tally.lost > allowedLost) boundary.tallies = boundary.tallies.filter((other) => other !== tally);
    }
  }
}

interface TriedRow {
  /** Index in the batch. */
  row: number;
  backboneLabel: number;
  /** Whether the cascade gives this answer without loss in transfer. */
  agreesExactly: boolean;
}

/** The exit of a sample that enters at a stage. */
export function exitOf(
  outcomes: readonly ExitOutcome[],
  thresholds: readonly number[],
  stage: number,
): number {
  let exit = stage;
  while (
    exit < thresholds.length &&
    !leaves((outcomes[exit] as ExitOutcome).confidence, thresholds[exit] as number)
  ) {
    exit++;
  }
  return exit;
}

async function tryCodec(
  { manifest }: Bundle,
  runner: StageRunner,
  { stage }: Boundary,
  tally: CodecTally,
  rows: readonly TriedRow[],
  activations: Float32Array,
): Promise<void> {
  const layout = stageLayout(manifest, stage);
  const width = elementsOf(layout.shape);
  const { codec, quantiser } = choiceOf(tally.candidate);
  const decoded = new Float32Array(rows.length * width);
  const bytes = rows.map(({ row }, i) => {
    const values = activations.subarray(row * width, (row + 1) * width);
    const tensor = encodeTensor(codec, layout, values, quantiser);
    checkTensor('activation', layout, tensor).decodeInto(decoded.subarray(i * width, (i + 1) * width));
    return tensor.data.byteLength;
  });
  if (tally.candidate.lossless) {
    for (const [i, { agreesExactly }] of rows.entries()) {
      tally.count(bytes[i] as number, agreesExactly, agreesExactly);
    }
    return;
  }
  const { thresholds } = manifest.policy;
  let samples = rows.map((row, i) => ({ ...row, i, thresholds, passed: [] as ExitOutcome[] }));
  let activation: Float32Array = decoded;
  for (let at = stage; samples.length > 0; at++) {
    const step = await runStage(runner, at, samples, activation);
    if (step.broken.length > 0) throw brokenExitError(at);
    for (const { sample, outcome } of step.answered) {
      const agrees = outcome.label === sample.backboneLabel;
      tally.count(bytes[sample.i] as number, sample.agreesExactly, agrees);
    }
    samples = step.staying;
    activation = step.activation;
  }
}

function choiceOf({ encoding, step }: CodecCandidate): CodecChoice {
  return { codec: codecNamed(encoding), quantiser: step === undefined ? {} : { step } };
}

/** Every exit's answers for a batch, and the activations of every stage but the last. */
export async function runEveryExit(
  { branches }: Bundle,
  runner: StageRunner,
  { indices, input }: PictureBatch,
): Promise<{ exits: ExitOutcome[][]; activations: Float32Array[] }> {
  const thresholds = neverExit(branches);
  const samples = indices.map((): CascadeSample => ({ thresholds, passed: [] }));
  const activations: Float32Array[] = [];
  let activation = input;
  for (let stage = 0; stage <= branches; stage++) {
    const step = await runStage(runner, stage, samples, activation);
    if (step.broken.length > 0) throw brokenExitError(stage);
    for (const { sample, outcome } of step.answered) sample.passed.push(outcome);
    if (stage === branches) break;
    activations.push(step.activation);
    // A copy, because running transfers the buffer.
    activation = step.activation.slice();
  }
  return { exits: samples.map(({ passed }) => passed), activations };
}
