import { type Bundle, type CascadeSample, InferencePool, runStage } from '@offramp/bundle';
import { neverExit } from '@offramp/contracts';

/** What the whole model answers to each sample: every exit is passed over. */
export async function wholeModelAnswers(bundle: Bundle, inputs: readonly Float32Array[]): Promise<number[]> {
  const pool = await InferencePool.create(bundle);
  try {
    const labels: number[] = [];
    for (const input of inputs) {
      const sample: CascadeSample = { thresholds: neverExit(bundle.branches), passed: [] };
      let activation = input.slice();
      for (let stage = 0; ; stage++) {
        const step = await runStage(pool, stage, [sample], activation);
        const [answer] = step.answered;
        if (answer) {
          labels.push(answer.outcome.label);
          break;
        }
        activation = step.activation as typeof activation;
      }
    }
    return labels;
  } finally {
    await pool.close();
  }
}
