import type { AnsweredSample, CascadeSample, ExitOutcome, OfframpError } from '@offramp/shared';
import type { Sender } from './fair-clock.js';
import type { BatchableSample } from './stage-batcher.js';

/** What became of a sample. */
export type SampleOutcome =
  | { kind: 'answered'; answer: AnsweredSample<PendingSample> }
  | { kind: 'refused'; error: OfframpError }
  /** Nobody waits for it any more. */
  | { kind: 'abandoned' };

/** A sample's tensor, wherever it is kept until its batch runs. */
export interface SampleInput {
  /** @throws OfframpError `TENSOR_INVALID` where it turns out not to be what it should be */
  decodeInto(place: Float32Array): void;
}

export interface PendingSampleOptions {
  /** Of its bundle, 32 bytes. */
  bundleDigest: Uint8Array;
  sender: Sender;
  thresholds: readonly number[];
  /** Times are milliseconds of one monotonic clock. */
  arrivedMs: number;
  deadlineMs: number;
  /** Of the stage where it stands. */
  input: SampleInput;
  /** Called exactly once. */
  onSettled(sample: PendingSample, outcome: SampleOutcome): void;
}

/** A sample on the worker, from admission to its one outcome. */
export class PendingSample implements CascadeSample, BatchableSample {
  readonly bundleDigest: Uint8Array;
  readonly sender: Sender;
  readonly thresholds: readonly number[];
  readonly arrivedMs: number;
  readonly deadlineMs: number;
  readonly passed: ExitOutcome[] = [];
  startTag = 0;
  /** Of the stage where it stands; `null` while its batch runs. */
  input: SampleInput | null;
  /** Time in batches, and time in queues: all the rest. Known when the sample is answered. */
  computeMs = 0;
  queueMs = 0;
  private readonly onSettled: PendingSampleOptions['onSettled'];
  private outcome: SampleOutcome | null = null;

  constructor(options: PendingSampleOptions) {
    this.bundleDigest = options.bundleDigest;
    this.sender = options.sender;
    this.thresholds = options.thresholds;
    this.arrivedMs = options.arrivedMs;
    this.deadlineMs = options.deadlineMs;
    this.input = options.input;
    this.onSettled = options.onSettled;
  }

  get settled(): boolean {
    return this.outcome !== null;
  }

  /** The first outcome counts. */
  settle(outcome: SampleOutcome): void {
    if (this.outcome) return;
    this.outcome = outcome;
    this.onSettled(this, outcome);
  }
}
