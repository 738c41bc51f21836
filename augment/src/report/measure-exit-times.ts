import { type Bundle, type Dataset, messageOf, OfframpError, stageTensors } from '@offramp/shared';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { pictureBatches } from '../picture-batches.js';
import { type ExitTimes, type StageTimes, summariseStageTimes } from './stage-times.js';

export interface MeasureOptions {
  /** Samples per run; each is measured. */
  batchSizes: readonly number[];
  /** Runs of the whole chain for each batch size, taken in turns. */
  repetitions: number;
  /** No repetition starts after this, once there are three: large models take long. Default 60,000. */
  maxMs?: number;
  onProgress?: (done: number, total: number) => void;
}

/** Runs before the first that counts. */
const warmUps = 2;
/** Fewer make no median. */
const fewestRepetitions = 3;
const defaultMaxMs = 60_000;

/**
 * Times a bundle's stages on this thread, one core: repetition by repetition the whole chain, so that all
 * stages meet the same machine, and batch sizes in turns. CPU time is the process's own, so that other
 * programs on the machine matter little.
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
 * {@link measureExitTimes} on any inputs: what a stage takes does not depend on what it sees.
 * @param inputsOf gives so many samples, one after the other
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
    // As the inference threads open them.
    const sessions = await Promise.all(
      models.map((model) =>
        InferenceSession.create(model, {
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
      // Stages block this thread: let progress and signals in.
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

/** `count` preprocessed pictures; those of a small data set more than once. */
async function firstPictures(
  dataset: Dataset,
  count: number,
  input: Bundle['manifest']['input'],
): Promise<Float32Array> {
  const indices = Array.from({ length: count }, (_, i) => i % dataset.size);
  for await (const batch of pictureBatches(dataset, indices, input, count)) return batch.input;
  throw new OfframpError('DATA_INVALID', `expected pictures in ${dataset.description}, found none`);
}
