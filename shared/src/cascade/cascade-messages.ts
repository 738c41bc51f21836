import type { SessionOptions } from '../inference/session-options.js';

/** What the threads of a {@link CascadePool} start with. */
export interface CascadeThreadData {
  models: Uint8Array[];
  /** Per stage, without the batch dimension. */
  inputShapes: number[][];
  session: Required<SessionOptions>;
}

export interface CascadeBatchRequest {
  id: number;
  /** Per sample. Samples of one policy share the array, and so it crosses once. */
  thresholds: readonly (readonly number[])[];
  /** Sample after sample; moved, not copied. */
  input: Float32Array;
}

export type CascadeThreadRequest =
  | CascadeBatchRequest
  /** From now on no sample that has passed an exit runs another stage. */
  | 'hurry'
  /** End once the stage that runs has finished. */
  | 'end';

/**
 * What one stage said of the samples that came to it, in order: label, confidence, and 1 for those who left by
 * it or 0. Flat, since numbers cross threads much faster than objects.
 */
export type CascadeStep = number[];
export const valuesPerSample = 3;

export type CascadeThreadReply =
  | 'ready'
  | {
      id: number;
      /** The batch's stages since its last message. */
      steps: CascadeStep[];
      /** With the batch's last message: the inputs to the next stage of those who did not leave, moved. */
      activation: Float32Array | null;
    }
  | { id: number; error: string };
