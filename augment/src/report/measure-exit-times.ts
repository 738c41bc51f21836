import { type Bundle, createSession, stageTensors } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import { messageOf, OfframpError } from '@offramp/runtime';
import { Tensor } from 'onnxruntime-node';
import { pictureBatches } from '../pictures/picture-batches.js';
import { type ExitTimes, type StageTimes, summariseStageTimes } from './stage-times.js';

export interface MeasureOptions {
  /** Samples per run; each is measured. */
  batchSizes: readonly number[];
  /** Runs of the whole chain for each batch size, taken in turns. */
  repetitions: number;
  /** After this time no repetition starts if there are three, because large models take long. Default 60,000. */
  maxMs?: number;
  onProgress?: (done: number, total: number) => void;
}

/** Warm-up runs. */
const warmUps = 2;
/** Minimum for a median. */
const fewestRepetitions = 3;
const defaultMaxMs = 60_000;

/**
 * Times a bundle's stages on this thread, one core. Each repetition runs the whole chain, so that all
 * stages have the same conditions, and batch sizes take turns. CPU time is the process's own, so other
 * programs on the machine have little influence.
 * @throws OfframpError `BUNDLE_CORRUPT`, `INFERENCE_FAILED`, `IMAGE_INVALID`, `DATA_INVALID`
 */
export function measureExitTimes(
  bundle: Bundle,
  dataset: Dataset,
  options: MeasureOptions,
): Promise<ExitTimes[]> {
  return measureExitTimesOn(bundle, (size) => firstPictures(dataset, size, bundle.manifest.input), options);
}

/**
 * {@link measureExitTimes} on any inputs: a stage's time does not depend on its input.
 * @param inputsOf returns this many samples, concatenated
 * @throws OfframpError `BUNDLE_CORRUPT`, `INFERENCE_FAILED`, and what `inputsOf` throws
 */
export async function measureExitTimesOn(
  bundle: Bundle,
  inputsOf: (samples: number) => Promise<Float32Array> | Float32Array,
  options: MeasureOptions,
): Promise<ExitTimes[]> {
  const { batchSizes, repetitions } = options;
  const { stages, input } = bundle.manifest;
  const models = await bundle.readStages();
  const run = async (): Promise<ExitTimes[]> => {
    // With the options of the inference threads.
    const sessions = await Promise.all(
      models.map((model) =>
        createSession(model, {
          intraOpNumThreads: 1,
          interOpNumThreads: 1,
          executionMode: 'sequential',
          graphOptimizationLevel: 'all',
          logSeverityLevel: 3,
        }),
      ),
    );
    const pictures = await Promise.all(batchSizes.map(async (size) => inputsOf(size)));
    const measured = batchSizes.map((): StageTimes[] => []);
    const warmUpRuns = warmUps * batchSizes.length;
    const total = repetitions * batchSizes.length;
    const begun = performance.now();
    for (let i = -warmUpRuns; i < total; i++) {
      const late = performance.now() - begun > (options.maxMs ?? defaultMaxMs);
      if (late && i >= fewestRepetitions * batchSizes.length && i % batchSizes.length === 0) break;
      const which = (i + warmUpRuns) % batchSizes.length;
      const batch = batchSizes[which] as number;
      const times: StageTimes = { cpuMs: [], wallMs: [] };
      let activation = new Tensor('float32', pictures[which] as Float32Array, [batch, ...input.shape]);
      for (let stage = 0; stage < sessions.length; stage++) {
        const cpu = process.cpuUsage();
        const started = performance.now();
        const outputs = await sessions[stage]?.run({ [stageTensors.input]: activation });
        times.wallMs.push(performance.now() - started);
        const used = process.cpuUsage(cpu);
        times.cpuMs.push((used.user + used.system) / 1000);
        const shape = stages[stage]?.activationShape;
        const data = outputs?.[stageTensors.activation]?.data as Float32Array | undefined;
        if (shape && data) activation = new Tensor('float32', data, [batch, ...shape]);
      }
      if (i >= 0) {
        measured[which]?.push(times);
        options.onProgress?.(i + 1, total);
      }
      // Stages block this thread, so yield to progress and signals.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(sessions.map((session) => session.release()));
    return batchSizes.map((size, i) => summariseStageTimes(measured[i] as StageTimes[], size));
  };
  return run().catch((cause: unknown) => {
    if (cause instanceof OfframpError) throw cause;
    throw new OfframpError('INFERENCE_FAILED', `${bundle.directory}: ${messageOf(cause)}`, { cause });
  });
}

/** `count` preprocessed pictures; a small data set is repeated. */
async function firstPictures(
  dataset: Dataset,
  count: number,
  input: Bundle['manifest']['input'],
): Promise<Float32Array> {
  const indices = Array.from({ length: count }, (_, i) => i % dataset.size);
  for await (const batch of pictureBatches(dataset, indices, input, count)) return batch.input;
  throw new OfframpError('DATA_INVALID', `expected samples in ${dataset.description}, found none`);
}
