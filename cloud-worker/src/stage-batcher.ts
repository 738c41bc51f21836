/** What the batcher must know of a sample. Times are milliseconds of one monotonic clock. */
export interface BatchableSample {
  /** When it reached the worker. */
  readonly arrivedMs: number;
  /** When nobody waits for its answer any more; `Infinity` for never. */
  readonly deadlineMs: number;
}

export interface StageBatcherOptions {
  /** Number of stages. */
  stages: number;
  /** Samples in one batch, at most. */
  maxBatch: number;
  /** How long a new sample may be held for others to share its batch. */
  maxWaitMs: number;
  /** A stage whose oldest sample is older than this goes before deeper ones, so that none starves. */
  overdueMs: number;
}

export interface Batch<S> {
  stage: number;
  /** Oldest first; at least one, at most `maxBatch`. */
  samples: S[];
}

interface Waiting<S> {
  sample: S;
  /** From when on it is not held any longer. */
  readyMs: number;
}

/**
 * One bundle's queues, one per stage, and the rule by which they become batches. Pure: time is passed in.
 *
 * - A new sample is held at its stage until `maxBatch` wait there or it has been held for `maxWaitMs`. A
 *   sample that continues from the stage before has been held once and is not held again. Either way a
 *   batch is topped up with whatever else waits at its stage.
 * - Among the stages that are ready the deepest goes first: that frees places soonest. Overdue samples go
 *   before that, the oldest first.
 */
export class StageBatcher<S extends BatchableSample> {
  /** Per stage, oldest arrival first. */
  private readonly queues: Waiting<S>[][];
  private holds = true;
  /** No later than the earliest deadline among those who wait. */
  private nextDeadline = Number.POSITIVE_INFINITY;

  constructor(private readonly options: StageBatcherOptions) {
    this.queues = Array.from({ length: options.stages }, () => []);
  }

  /** Samples waiting at all stages. */
  get size(): number {
    return this.queues.reduce((sum, queue) => sum + queue.length, 0);
  }

  /** A sample that has just come to the worker. */
  add(stage: number, sample: S, nowMs: number): void {
    this.insert(stage, { sample, readyMs: nowMs + this.options.maxWaitMs });
  }

  /** A sample that passed the exit of the stage before. */
  continue(stage: number, sample: S, nowMs: number): void {
    this.insert(stage, { sample, readyMs: nowMs });
  }

  /** From now on holds no sample back. */
  stopHolding(): void {
    this.holds = false;
  }

  /** The batch to run now, if any is ready. Its samples have left the queue. */
  take(nowMs: number): Batch<S> | null {
    const stage = this.choose(nowMs);
    if (stage === null) return null;
    const taken = this.queueOf(stage).splice(0, this.options.maxBatch);
    return { stage, samples: taken.map(({ sample }) => sample) };
  }

  /** Takes out the samples whose deadline has passed. */
  takeExpired(nowMs: number): S[] {
    if (nowMs < this.nextDeadline) return [];
    const expired = this.remove((sample) => sample.deadlineMs <= nowMs);
    this.nextDeadline = this.earliest(({ sample }) => sample.deadlineMs);
    return expired;
  }

  /** Takes out the samples for which `matches` holds. */
  remove(matches: (sample: S) => boolean): S[] {
    const removed: S[] = [];
    this.queues.forEach((queue, stage) => {
      if (!queue.some(({ sample }) => matches(sample))) return;
      this.queues[stage] = queue.filter(({ sample }) => {
        if (!matches(sample)) return true;
        removed.push(sample);
        return false;
      });
    });
    return removed;
  }

  /** When the next held sample is held no longer; `Infinity` while none waits. */
  nextReadyMs(): number {
    return this.earliest(({ readyMs }) => (this.holds ? readyMs : Number.NEGATIVE_INFINITY));
  }

  /** When to call {@link takeExpired} next: no deadline passes before that. `Infinity` while there is none. */
  nextDeadlineMs(): number {
    if (this.size === 0) this.nextDeadline = Number.POSITIVE_INFINITY;
    return this.nextDeadline;
  }

  private choose(nowMs: number): number | null {
    const ready = [...this.queues.keys()].filter((stage) => this.isReady(this.queueOf(stage), nowMs));
    const deepest = ready.at(-1);
    if (deepest === undefined) return null;
    const oldest = ready.reduce((a, b) => (this.oldestMs(b) < this.oldestMs(a) ? b : a));
    return nowMs - this.oldestMs(oldest) > this.options.overdueMs ? oldest : deepest;
  }

  private oldestMs(stage: number): number {
    return this.queueOf(stage)[0]?.sample.arrivedMs ?? Number.POSITIVE_INFINITY;
  }

  private isReady(queue: readonly Waiting<S>[], nowMs: number): boolean {
    if (queue.length === 0) return false;
    if (!this.holds || queue.length >= this.options.maxBatch) return true;
    return queue.some(({ readyMs }) => readyMs <= nowMs);
  }

  private insert(stage: number, waiting: Waiting<S>): void {
    const queue = this.queueOf(stage);
    let at = queue.length;
    while (at > 0 && (queue[at - 1] as Waiting<S>).sample.arrivedMs > waiting.sample.arrivedMs) at--;
    queue.splice(at, 0, waiting);
    this.nextDeadline = Math.min(this.nextDeadline, waiting.sample.deadlineMs);
  }

  private queueOf(stage: number): Waiting<S>[] {
    const queue = this.queues[stage];
    if (!queue) throw new RangeError(`stage: expected 0 to ${this.queues.length - 1}, found ${stage}`);
    return queue;
  }

  private earliest(timeOf: (waiting: Waiting<S>) => number): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const queue of this.queues) {
      for (const waiting of queue) earliest = Math.min(earliest, timeOf(waiting));
    }
    return earliest;
  }
}
