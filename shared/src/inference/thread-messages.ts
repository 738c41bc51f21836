import type { SessionOptions } from './session-options.js';

/** What a thread must know of a stage. */
export interface ThreadStage {
  model: Uint8Array;
  /** Shapes without the batch. */
  inputShape: number[];
  activationShape: number[] | null;
}

export interface ThreadData {
  stages: ThreadStage[];
  /** Number of the first of `stages`. */
  firstStage: number;
  labels: number;
  session: Required<SessionOptions>;
}

/** The memory of one run. It goes to the thread and comes back: nothing is copied, nothing left for the collector. */
export interface RunBuffers {
  /** Holds `batch` × the stage's input, then whatever was there. */
  input: ArrayBuffer;
  /** Room for `batch` × the stage's activation; `null` for the last stage. */
  activation: ArrayBuffer | null;
  /** Room for `batch` × labels probabilities, and behind them `batch` confidences. */
  exit: ArrayBuffer;
}

export interface ThreadRequest {
  id: number;
  stage: number;
  batch: number;
  buffers: RunBuffers;
}

/** Instead of a request: end once what runs has finished. */
export const endThread = 'end';

export type ThreadReply =
  | 'ready'
  | { id: number; buffers: RunBuffers; computeMs: number }
  | { id: number; buffers: RunBuffers; error: string };

/** The buffers to transfer, and the views into `exit`. */
export const transferOf = ({ input, activation, exit }: RunBuffers): ArrayBuffer[] =>
  activation ? [input, activation, exit] : [input, exit];

export function exitViews(exit: ArrayBuffer, batch: number, labels: number) {
  return {
    probabilities: new Float32Array(exit, 0, batch * labels),
    confidence: new Float32Array(exit, batch * labels * Float32Array.BYTES_PER_ELEMENT, batch),
  };
}
