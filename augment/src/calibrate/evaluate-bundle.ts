import {
  type Bundle,
  brokenExitError,
  type CalibrationTable,
  type CascadeSample,
  InferencePool,
  runStage,
} from '@offramp/bundle';
import { type ExitOutcome, neverExit } from '@offramp/contracts';
import { alignLabels, type Dataset, subsetOf } from '@offramp/data';
import type { LearnedCandidate } from '../codec/learned-candidates.js';
import { pictureBatches } from '../pictures/picture-batches.js';
import { decodedTables } from './decoded-table.js';
import { LearnedTrial } from './learned-trial.js';
import { roundConfidence } from './round-confidence.js';

export interface EvaluateOptions {
  /** Inference threads. Default 1. */
  threads?: number;
  /** Samples per batch. Default 64. */
  batchSize?: number;
  /** Pictures to use, from the first; default all. */
  limit?: number;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Runs a bundle over a data set, every sample through every exit, and records the outcomes. From the
 * table, any thresholds can be judged. A learned codec of the default boundary is part of what is judged.
 * @throws OfframpError `DATA_INVALID`, `BUNDLE_CORRUPT`, `IMAGE_INVALID`, `INFERENCE_FAILED`
 */
export async function evaluateBundle(
  bundle: Bundle,
  dataset: Dataset,
  options: EvaluateOptions = {},
): Promise<CalibrationTable> {
  const { manifest, branches } = bundle;
  const toBundleLabel = alignLabels(dataset, manifest.labels);
  const threads = options.threads ?? 1;
  const pool = await InferencePool.create(bundle, { threads });
  const total = Math.min(dataset.size, options.limit ?? dataset.size);
  const outcomes: ExitOutcome[][] = new Array(total);
  const passes = manifest.stages[manifest.deviceStages - 1]?.learned ? 2 : 1;
  let done = 0;
  const advance = (count: number) => {
    done += count;
    options.onProgress?.(Math.floor(done / passes), total);
  };

  const runBatch = async (indices: readonly number[], input: Float32Array) => {
    const thresholds = neverExit(branches);
    let samples = indices.map((index): CascadeSample & { index: number } => ({
      index,
      thresholds,
      passed: [],
    }));
    let activation = input;
    for (let stage = 0; samples.length > 0; stage++) {
      const step = await runStage(pool, stage, samples, activation);
      if (step.broken.length > 0) throw brokenExitError(stage);
      for (const { sample, outcome } of step.answered) outcomes[sample.index] = [...sample.passed, outcome];
      samples = step.staying;
      activation = step.activation;
    }
    advance(indices.length);
  };

  try {
    const running = new Set<Promise<void>>();
    const indices = Array.from({ length: total }, (_, i) => i);
    for await (const batch of pictureBatches(dataset, indices, manifest.input, options.batchSize ?? 64)) {
      const job = runBatch(batch.indices, batch.input);
      running.add(job);
      job.then(
        () => running.delete(job),
        () => undefined,
      );
      // One more than the number of threads, so that no thread waits for pictures.
      if (running.size > threads) await Promise.race(running);
    }
    await Promise.all(running);
  } finally {
    await pool.close();
  }

  const bits = (holds: (sample: ExitOutcome[], index: number) => boolean) =>
    outcomes.map((sample, index) => (holds(sample, index) ? '1' : '0')).join('');
  const exitOf = (sample: ExitOutcome[], exit: number) => sample[exit] as ExitOutcome;
  const labels = outcomes.map((_, index) => toBundleLabel(dataset.labelAt(index)));
  const table: CalibrationTable = {
    samples: total,
    branches: Array.from({ length: branches }, (_, exit) => ({
      confidence: outcomes.map((sample) => roundConfidence(exitOf(sample, exit).confidence)),
      agrees: bits((sample) => exitOf(sample, exit).label === exitOf(sample, branches).label),
    })),
    correct: dataset.labelled
      ? Array.from({ length: branches + 1 }, (_, exit) =>
          bits((sample, index) => exitOf(sample, exit).label === labels[index]),
        )
      : null,
  };
  return behindOwnCodec(bundle, dataset, table, advance);
}

/** Beyond the default boundary, samples go on as what the bundle's learned codec makes of them. */
async function behindOwnCodec(
  bundle: Bundle,
  dataset: Dataset,
  table: CalibrationTable,
  advance: (count: number) => void,
): Promise<CalibrationTable> {
  const { deviceStages, stages } = bundle.manifest;
  const [candidate] = await ownCandidate(bundle);
  if (!candidate) return table;
  const trial = await LearnedTrial.open(candidate, deviceStages, stages[deviceStages]?.inputShape ?? []);
  try {
    const samples = subsetOf(
      dataset,
      Array.from({ length: table.samples }, (_, i) => i),
    );
    const recorded = { dataset: samples, table, behind: null };
    const progress = { step: () => undefined, advance };
    const [decoded] = await decodedTables(bundle, deviceStages, [trial], recorded, { progress });
    return decoded?.table ?? table;
  } finally {
    await trial.close();
  }
}

async function ownCandidate(bundle: Bundle): Promise<LearnedCandidate[]> {
  const at = bundle.manifest.deviceStages - 1;
  const { learned } = bundle.manifest.stages[at] ?? {};
  const models = await bundle.readLearned(at);
  return learned && models ? [{ ...learned, ...models }] : [];
}
