import type { StageOutput } from './stage-runner.js';

export interface ThreadData {
  models: Uint8Array[];
  inputShapes: number[][];
  firstStage: number;
  intraOpThreads: number;
}

export interface ThreadRequest {
  id: number;
  stage: number;
  input: Float32Array;
  batch: number;
}

/** Instead of a request: end once what runs has finished. */
export const endThread = 'end';

export type ThreadReply =
  | { ready: true }
  | { id: number; output: StageOutput; computeMs: number }
  | { id: number; error: string };
