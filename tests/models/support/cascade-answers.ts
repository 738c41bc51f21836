import { type Bundle, type CascadeSample, type InferencePool, runStage } from '@offramp/bundle';
import { neverExit } from '@offramp/contracts';

/**
 * The probabilities that a bundle's cascade answers when no sample leaves early, the samples sharing their batches.
 * @param samples as the first stage takes them
 */
export async function cascadeAnswers(
  pool: InferencePool,
  { branches }: Bundle,
  samples: readonly Float32Array[],
): Promise<Float32Array[]> {
  const thresholds = neverExit(branches);
  const running = samples.map((): CascadeSample => ({ thresholds, passed: [] }));
  let activation = Float32Array.from(samples.flatMap((values) => [...values]));
  for (let stage = 0; stage < branches; stage++) {
    activation = new Float32Array((await runStage(pool, stage, running, activation)).activation);
  }
  const { answered } = await runStage(pool, branches, running, activation);
  return answered.map(({ probabilities }) => new Float32Array(probabilities));
}
