import {
  type AnsweredSample,
  type Bundle,
  type CascadeSample,
  InferencePool,
  runStage,
} from '@offramp/bundle';
import { type PictureDataset, preprocess } from '@offramp/data';

interface NamedSample extends CascadeSample {
  readonly name: string;
}

export interface LocalAnswer {
  label: string;
  exit: number;
  confidence: number;
}

/**
 * What a bundle's cascade, run here as one batch per stage under the bundle's own thresholds, answers.
 * @returns by the picture's name
 */
export async function localCascade(
  bundle: Bundle,
  pictures: PictureDataset,
  indices: readonly number[],
): Promise<Map<string, LocalAnswer>> {
  const { input, labels, policy, stages } = bundle.manifest;
  const read = await Promise.all(indices.map((index) => pictures.read(index)));
  const inputs = await Promise.all(read.map(({ picture }) => preprocess(picture, input)));
  let samples: NamedSample[] = read.map(({ name }) => ({ name, thresholds: policy.thresholds, passed: [] }));
  let activation = Float32Array.from(inputs.flatMap((values) => [...values]));
  const answered: AnsweredSample<NamedSample>[] = [];
  const pool = await InferencePool.create(bundle);
  try {
    for (let stage = 0; stage < stages.length && samples.length > 0; stage++) {
      const step = await runStage(pool, stage, samples, activation);
      answered.push(...step.answered);
      samples = step.staying;
      activation = new Float32Array(step.activation);
    }
  } finally {
    await pool.close();
  }
  return new Map(
    answered.map(({ sample, outcome }) => [
      sample.name,
      { label: labels[outcome.label] ?? '', exit: outcome.exit, confidence: outcome.confidence },
    ]),
  );
}
