import type { SessionOptions } from '../inference/session-options.js';
import type { StageModel } from '../inference/stage-models.js';

/** What the threads of a `CascadePool` start with. */
export interface CascadeThreadData {
  stages: StageModel[];
  session: Required<SessionOptions>;
}

export interface CascadeRequest {
  /** Per sample. Samples of one policy share the array, so that it is copied to the thread once. */
  thresholds: readonly (readonly number[])[];
  /** Sample after sample; moved, not copied. */
  input: Float32Array;
}

/** The signal after which no sample that has passed an exit runs another stage. */
export const hurrySignal = 'hurry';

/**
 * One stage's outcomes for the samples of a batch, in order: label, confidence, and 1 if the sample leaves here, else
 * 0. A sample that leaves with NaN has no answer. Flat, because numbers cross threads much faster than objects.
 */
export type CascadeStep = number[];
export const valuesPerSample = 3;

export interface CascadeReply {
  /** The batch's stages since its last reply. */
  steps: CascadeStep[];
  /** In the batch's last reply: the next stage's inputs for the samples that did not leave, moved. Else `null`. */
  activation: Float32Array | null;
  /** With them, if the bundle has a learned codec for these: their codes, moved. */
  code?: Float32Array | null;
}
