import type { StageOutput, StageRunner } from '../inference/stage-runner.js';
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

/** What became of a sample: the exit it left by, or, where it passed them all, the next stage's input. */
export type CascadeEnd = { left: ExitOutcome } | { activation: Float32Array };

export interface AnsweredSample<S> {
  sample: S;
  outcome: ExitOutcome;
  /** One per label. A view; copy it to keep it. */
  probabilities: Float32Array;
}

/** What became of a batch at one stage. */
export interface StageStep<S, O extends StageOutput = StageOutput> {
  answered: AnsweredSample<S>[];
  /** The samples that go on, in their order, … */
  staying: S[];
  /** … and the next stage's input for them: `staying.length` × elements of its `inputShape`. */
  activation: Float32Array;
  /** What the runner gave, whose memory `answered` and `activation` look into. */
  output: O;
}

const nothing = new Float32Array(0);

/**
 * One step of the cascade, for everyone who runs it: run stage `stage` on a batch, look at its exit, and
 * tell who leaves from who goes on. At the last stage everyone leaves.
 *
 * @param input one after the other the samples' inputs to this stage; handed over, see {@link StageRunner.run}
 * @throws OfframpError `INFERENCE_FAILED`, `TENSOR_INVALID`
 */
export async function runStage<S extends CascadeSample, O extends StageOutput>(
  runner: StageRunner<O>,
  stage: number,
  samples: readonly S[],
  input: Float32Array,
): Promise<StageStep<S, O>> {
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
    output,
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

/** Moves the rows together, in place. */
function compactRows(batch: Float32Array, rows: number, keep: readonly number[]): Float32Array {
  if (keep.length === rows) return batch;
  const width = batch.length / rows;
  keep.forEach((row, i) => {
    if (row !== i) batch.copyWithin(i * width, row * width, (row + 1) * width);
  });
  return batch.subarray(0, keep.length * width);
}
