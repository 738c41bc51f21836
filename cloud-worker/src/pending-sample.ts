import type { AnsweredSample, CascadeSample, ExitOutcome, OfframpError } from '@offramp/shared';

/** What became of a sample. */
export type SampleOutcome =
  | { kind: 'answered'; answer: AnsweredSample<PendingSample> }
  | { kind: 'refused'; error: OfframpError }
  /** Nobody waits for it any more. */
  | { kind: 'abandoned' };

/** A sample on the worker, from admission to its one outcome. Times are milliseconds of one monotonic clock. */
export class PendingSample implements CascadeSample {
  readonly passed: ExitOutcome[] = [];
  /** Time in queues and time in batches, so far. Their sum is the time on the worker. */
  queueMs = 0;
  computeMs = 0;
  /** When it last went into a queue. */
  queuedMs: number;
  private outcome: SampleOutcome | null = null;

  /**
   * @param bundleDigest of its bundle, 32 bytes
   * @param input of the stage where it stands, one sample
   * @param onSettled called exactly once
   */
  constructor(
    readonly bundleDigest: Uint8Array,
    readonly thresholds: readonly number[],
    readonly arrivedMs: number,
    readonly deadlineMs: number,
    public input: Float32Array,
    private readonly onSettled: (sample: PendingSample, outcome: SampleOutcome) => void,
  ) {
    this.queuedMs = arrivedMs;
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
