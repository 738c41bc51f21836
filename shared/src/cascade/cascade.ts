import type { StageRunner } from '../inference/stage-runner.js';
import { leaves } from './thresholds.js';

/** What one exit said about one sample. */
export interface ExitOutcome {
  /** Index of the exit; the number of branches means the final exit. */
  exit: number;
  /** Index of the likeliest label. */
  label: number;
  /** Of the exit in its own answer, in [0, 1]. */
  confidence: number;
}

/** A sample on its way through the cascade. Feeders extend it with what they need to find it again. */
export interface CascadeSample {
  /** One per branch, fixed when the sample starts: a new policy never reaches a sample half way. */
  readonly thresholds: readonly number[];
  /** The exits it has passed without leaving, in order. {@link runStage} appends. */
  readonly passed: ExitOutcome[];
}

export interface AnsweredSample<S> {
  sample: S;
  outcome: ExitOutcome;
  /** One per label. A view; copy it to keep it. */
  probabilities: Float32Array;
}

/** What became of a batch at one stage. */
export interface StageStep<S> {
  answered: AnsweredSample<S>[];
  /** The samples that go on, in their order, … */
  staying: S[];
  /** … and the next stage's input for them: `staying.length` × elements of its `inputShape`. */
  activation: Float32Array;
}

const nothing = new Float32Array(0);

/**
 * One step of the cascade, for everyone who runs it: run stage `stage` on a batch, look at its exit, and
 * tell who leaves from who goes on. At the last stage everyone leaves.
 *
 * @param input one after the other the samples' inputs to this stage; handed over, see {@link StageRunner.run}
 * @throws OfframpError `INFERENCE_FAILED`, `TENSOR_INVALID`
 */
export async function runStage<S extends CascadeSample>(
  runner: StageRunner,
  stage: number,
  samples: readonly S[],
  input: Float32Array,
): Promise<StageStep<S>> {
  const output = await runner.run(stage, input, samples.length);
  const classes = output.probabilities.length / samples.length;
  const answered: AnsweredSample<S>[] = [];
  const stayingRows: number[] = [];
  samples.forEach((sample, row) => {
    const probabilities = output.probabilities.subarray(row * classes, (row + 1) * classes);
    const confidence = output.confidence[row] ?? Number.NaN;
    const outcome = { exit: stage, label: argMax(probabilities), confidence };
    const threshold = sample.thresholds[stage];
    if (output.activation === null || (threshold !== undefined && leaves(confidence, threshold))) {
      answered.push({ sample, outcome, probabilities });
    } else {
      sample.passed.push(outcome);
      stayingRows.push(row);
    }
  });
  return {
    answered,
    staying: stayingRows.map((row) => samples[row] as S),
    activation: output.activation ? compactRows(output.activation, samples.length, stayingRows) : nothing,
  };
}

/** Index of the largest value; the first of several. */
export function argMax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if ((values[i] as number) > (values[best] as number)) best = i;
  }
  return best;
}

function compactRows(batch: Float32Array, rows: number, keep: readonly number[]): Float32Array {
  if (keep.length === rows) return batch;
  const width = batch.length / rows;
  const compacted = new Float32Array(keep.length * width);
  keep.forEach((row, i) => {
    compacted.set(batch.subarray(row * width, (row + 1) * width), i * width);
  });
  return compacted;
}
