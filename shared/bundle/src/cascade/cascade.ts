import type { ExitOutcome } from '@offramp/contracts';
import { leaves } from '@offramp/contracts/policy';
import { OfframpError } from '@offramp/runtime/errors';
import type { StageOutput, StageRunner } from '../inference/stage-runner.js';

/** A sample on its way through the cascade. Callers extend it with what identifies it to them. */
export interface CascadeSample {
  /** One per branch, fixed when the sample starts: a new policy does not apply to samples under way. */
  readonly thresholds: readonly number[];
  /**
   * The exits it has passed without leaving, in order. The confidence of one that yielded no numbers is NaN.
   * {@link runStage} appends.
   */
  readonly passed: ExitOutcome[];
}

/** The result of a sample: the exit it left by or, if it passed them all, the next stage's input. */
export type CascadeEnd = { left: ExitOutcome } | PassedSample;

export interface PassedSample {
  activation: Float32Array;
  /** Symbols of the bundle's learned codec, if it has one for this activation. */
  code?: Float32Array;
}

export interface AnsweredSample<S> {
  sample: S;
  outcome: ExitOutcome;
  /** One per label. A view; copy it to keep it. */
  probabilities: Float32Array;
}

/** The result of a batch at one stage. */
export interface StageStep<S, O extends StageOutput = StageOutput> {
  answered: AnsweredSample<S>[];
  /** The samples that continue, in order. */
  staying: S[];
  /**
   * The samples for which the exit yielded no numbers, so that it answers none of them. At the last stage they end without
   * an answer; elsewhere they are among those that continue.
   */
  broken: S[];
  /** The next stage's input for them: `staying.length` × elements of its `inputShape`. */
  activation: Float32Array;
  /** The runner's output. `answered` and `activation` are views into its memory. */
  output: O;
}

const nothing = new Float32Array(0);

/**
 * One step of the cascade: runs stage `stage` on a batch and separates the samples that leave at its exit from those
 * that continue. At the last stage all leave. An exit whose confidence or probabilities are not numbers gives no answer.
 *
 * @param input the samples' inputs to this stage, in order; handed over, see {@link StageRunner.run}
 * @param codes rows of the input that begin with a code, see {@link StageRunner.run}
 * @throws OfframpError `INFERENCE_FAILED`, `TENSOR_INVALID`
 */
export async function runStage<S extends CascadeSample, O extends StageOutput>(
  runner: StageRunner<O>,
  stage: number,
  samples: readonly S[],
  input: Float32Array,
  codes: readonly number[] = [],
): Promise<StageStep<S, O>> {
  const output = await runner.run(stage, input, samples.length, codes);
  const classes = output.probabilities.length / samples.length;
  const isLast = output.activation === null;
  const answered: AnsweredSample<S>[] = [];
  const broken: S[] = [];
  const stayingRows: number[] = [];
  samples.forEach((sample, row) => {
    const probabilities = output.probabilities.subarray(row * classes, (row + 1) * classes);
    const confidence = areNumbers(probabilities) ? finiteOrNaN(output.confidence[row]) : Number.NaN;
    const outcome = { exit: stage, label: argMax(probabilities), confidence };
    const threshold = isLast ? 0 : sample.thresholds[stage];
    if (Number.isNaN(confidence)) broken.push(sample);
    if (threshold !== undefined && leaves(confidence, threshold)) {
      answered.push({ sample, outcome, probabilities });
    } else if (!isLast) {
      sample.passed.push(outcome);
      stayingRows.push(row);
    }
  });
  return {
    answered,
    broken,
    staying: stayingRows.map((row) => samples[row] as S),
    activation: output.activation ? compactRows(output.activation, samples.length, stayingRows) : nothing,
    output,
  };
}

/** The error of a sample for which an exit that had to answer yielded no numbers. */
export function brokenExitError(exit: number): OfframpError {
  return new OfframpError(
    'INFERENCE_FAILED',
    `exit ${exit} does not answer: expected numbers as probabilities and confidence, found NaN or infinity`,
  );
}

/** A sum shows whether a value is not a number or infinite. */
function areNumbers(values: Float32Array): boolean {
  let sum = 0;
  for (const value of values) sum += value;
  return Number.isFinite(sum);
}

const finiteOrNaN = (value = Number.NaN) => (Number.isFinite(value) ? value : Number.NaN);

/** Index of the largest value; the first of several. */
export function argMax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if ((values[i] as number) > (values[best] as number)) best = i;
  }
  return best;
}

/** Moves the kept rows to the front, in place. */
function compactRows(batch: Float32Array, rows: number, keep: readonly number[]): Float32Array {
  if (keep.length === rows) return batch;
  const width = batch.length / rows;
  keep.forEach((row, i) => {
    if (row !== i) batch.copyWithin(i * width, row * width, (row + 1) * width);
  });
  return batch.subarray(0, keep.length * width);
}
