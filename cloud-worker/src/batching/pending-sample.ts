import type { AnsweredSample, CascadeSample } from '@offramp/bundle';
import type { ExitOutcome } from '@offramp/contracts';
import type { OfframpError } from '@offramp/runtime';
import type { Sender } from './fair-clock.js';
import type { BatchableSample } from './stage-batcher.js';

/** How a sample ended. */
export type SampleOutcome =
  | { kind: 'answered'; answer: AnsweredSample<PendingSample> }
  | { kind: 'refused'; error: OfframpError }
  /** Its answer is no longer awaited. */
  | { kind: 'abandoned' };

/** A sample's tensor, until its batch runs. */
export interface SampleInput {
  /** Whether it is a code of the bundle's learned codec instead of an activation. */
  readonly isCode: boolean;
  /** @throws OfframpError `TENSOR_INVALID` for malformed bytes */
  decodeInto(place: Float32Array): void;
}

export interface PendingSampleOptions {
  /** Digest of its bundle, 32 bytes. */
  bundleDigest: Uint8Array;
  sender: Sender;
  thresholds: readonly number[];
  /** Times are milliseconds of one monotonic clock. */
  arrivedMs: number;
  deadlineMs: number;
  /** Input of its next stage; `null`: it is decoded first. */
  input: SampleInput | null;
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
  /** Input of its next stage; `null` while its picture is decoded, and while its batch runs. */
  input: SampleInput | null;
  /** Time in batches, and the rest of the time, in queues. Set when the sample is answered. */
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
