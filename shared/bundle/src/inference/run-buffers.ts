import type { SessionOptions } from './session-options.js';
import type { StageModel } from './stage-models.js';
import type { StageOutput } from './stage-runner.js';

/** What the threads of an `InferencePool` start with. */
export interface InferenceThreadData {
  stages: StageModel[];
  /** Number of the first of `stages`. */
  firstStage: number;
  session: Required<SessionOptions>;
}

/** The memory of one run. It moves to the thread and back: nothing is copied or left to the garbage collector. */
export interface RunBuffers {
  /** Begins with `batch` × the stage's input; may be larger. */
  input: ArrayBuffer;
  /** Room for `batch` × the stage's activation; `null` for the last stage. */
  activation: ArrayBuffer | null;
  /** Room for `batch` × labels probabilities, followed by `batch` confidences. */
  exit: ArrayBuffer;
}

export interface InferenceRequest {
  stage: number;
  batch: number;
  buffers: RunBuffers;
  /** Rows of the input that begin with a code. */
  codes: readonly number[];
}

export interface InferenceReply {
  buffers: RunBuffers;
  computeMs: number;
}

/** All buffers of a run, to transfer them. */
export const transferOf = ({ input, activation, exit }: RunBuffers): ArrayBuffer[] =>
  activation ? [input, activation, exit] : [input, exit];

/**
 * The outputs of a run, as views into its buffers.
 * @param activationElements of the whole batch
 */
export function outputViews(
  { activation, exit }: RunBuffers,
  batch: number,
  labels: number,
  activationElements: number,
): StageOutput {
  return {
    activation: activation && new Float32Array(activation, 0, activationElements),
    probabilities: new Float32Array(exit, 0, batch * labels),
    confidence: new Float32Array(exit, batch * labels * Float32Array.BYTES_PER_ELEMENT, batch),
  };
}
