import type { FairClock, Sender } from './fair-clock.js';
import { MinHeap } from './min-heap.js';
import type { StageTimes } from './stage-times.js';

/** What the batcher needs to know about a sample. Times are milliseconds of one monotonic clock. */
export interface BatchableSample {
  readonly sender: Sender;
  /** When its answer is no longer awaited; `Infinity` for never. */
  readonly deadlineMs: number;
  /** Its turn among the samples of all stages, set by {@link StageBatcher.add}. */
  startTag: number;
}

export interface StageBatcherOptions {
  /** Number of stages. */
  stages: number;
  /** Maximum number of samples in one batch. */
  maxBatch: number;
  /** How long a new sample may be held for others to share its batch while a thread is idle. */
  maxWaitMs: number;
  /** How long a sample may wait at a stage for others to fill its batch while batches of other stages are full. */
  overdueMs: number;
}

export interface Batch<S> {
  stage: number;
  /** In the order of their turns; at least one, at most `maxBatch`. */
  samples: S[];
}

interface Waiting<S> {
  sample: S;
  stage: number;
  /** When it began to wait at this stage. */
  sinceMs: number;
  /** When it stops being held. */
  readyMs: number;
}

interface StageQueue<S> {
  /** Waiting samples, and some that were already removed. */
  turns: MinHeap<Waiting<S>>;
  ready: MinHeap<Waiting<S>>;
  /** Number of waiting samples. */
  size: number;
}

/** Deadlines do not make batches smaller than this, because the fixed cost of a run would exceed the gain. */
const leastBatch = 4;
/** Heaps are cleared when they contain more removed samples than waiting ones, and more than this. */
const maxLeft = 256;

/**
 * One bundle's queues, one per stage, and the rule that forms batches from them. Pure: time is passed in.
 *
 * - A batch is filled with samples that wait at its stage, in fair turns among senders. It is small enough that its
 *   most urgent sample reaches the last stage in time.
 * - Stages with a full batch, or with a sample that has waited long for one, go first; among these, the one with the
 *   earliest turn. Otherwise the deepest goes first, because it frees places soonest.
 * - A new sample may be held for `maxWaitMs`, or until a batch is full, even if a thread is free. A sample that continues
 *   from the stage before is not held.
 */
export class StageBatcher<S extends BatchableSample> {
  private readonly queues: StageQueue<S>[];
  private readonly waiting = new Map<S, Waiting<S>>();
  private readonly deadlines = new MinHeap<Waiting<S>>();
  private holds: boolean;

  constructor(
    private readonly options: StageBatcherOptions,
    private readonly clock: FairClock,
    private readonly times: StageTimes,
  ) {
    this.holds = options.maxWaitMs > 0;
    this.queues = Array.from({ length: options.stages }, () => ({
      turns: new MinHeap(),
      ready: new MinHeap(),
      size: 0,
    }));
  }

  /** Samples waiting at all stages. */
  get size(): number {
    return this.waiting.size;
  }

  /** Adds a new sample. */
  add(stage: number, sample: S, nowMs: number): void {
    const toEndMs = this.times.toEndMs(stage);
    // Without measurements, all stages count equally.
    sample.startTag = this.clock.startTag(sample.sender, toEndMs || this.options.stages - stage);
    const readyMs = Math.min(nowMs + this.options.maxWaitMs, sample.deadlineMs - toEndMs);
    this.insert({ sample, stage, sinceMs: nowMs, readyMs });
  }

  /** Adds a sample that continues from the previous stage. */
  continue(stage: number, sample: S, nowMs: number): void {
    this.insert({ sample, stage, sinceMs: nowMs, readyMs: nowMs });
  }

  /** No sample is held from now on. */
  stopHolding(): void {
    this.holds = false;
  }

  /**
   * The batch to run now, if any is ready. Its samples are removed from the queue.
   * @param onlyFull set while no thread is free, because a batch that is not full may still grow
   */
  take(nowMs: number, onlyFull = false): Batch<S> | null {
    const stage = this.choose(nowMs, onlyFull);
    if (stage === null) return null;
    const queue = this.queueOf(stage);
    const toEndMs = this.times.toEndMs(stage);
    const samples: S[] = [];
    let most = this.options.maxBatch;
    for (let next = this.head(queue); next && samples.length < most; next = this.head(queue)) {
      this.leave(next);
      samples.push(next.sample);
      this.clock.serve(next.sample.startTag);
      const inTime = Math.floor((next.sample.deadlineMs - nowMs) / toEndMs);
      if (inTime < most) most = Math.min(most, Math.max(leastBatch, inTime));
    }
    return { stage, samples };
  }

  /** Removes and returns the samples whose deadline has passed. */
  takeExpired(nowMs: number): S[] {
    const expired: S[] = [];
    for (;;) {
      const first = this.first(this.deadlines);
      if (!first || first.sample.deadlineMs > nowMs) return expired;
      this.leave(first);
      expired.push(first.sample);
    }
  }

  /** Removes a sample. @returns whether it was queued */
  remove(sample: S): boolean {
    const waiting = this.waiting.get(sample);
    if (waiting) this.leave(waiting);
    return waiting !== undefined;
  }

  /** When the next held sample becomes ready; `Infinity` while none waits. */
  nextReadyMs(): number {
    if (this.size === 0) return Number.POSITIVE_INFINITY;
    if (!this.holds) return Number.NEGATIVE_INFINITY;
    return Math.min(
      ...this.queues.map((queue) => this.first(queue.ready)?.readyMs ?? Number.POSITIVE_INFINITY),
    );
  }

  /** When to call {@link takeExpired} next. `Infinity` while no deadline can pass. */
  nextDeadlineMs(): number {
    return this.first(this.deadlines)?.sample.deadlineMs ?? Number.POSITIVE_INFINITY;
  }

  private choose(nowMs: number, onlyFull: boolean): number | null {
    let turn: number | null = null;
    let deepest: number | null = null;
    let earliestTag = Number.POSITIVE_INFINITY;
    this.queues.forEach((queue, stage) => {
      const head = this.head(queue);
      if (!head) return;
      const full = queue.size >= this.options.maxBatch;
      if (!full && (onlyFull || !this.isReady(queue, nowMs))) return;
      deepest = stage;
      const overdue = nowMs - head.sinceMs >= this.options.overdueMs;
      if (!(full || overdue) || head.sample.startTag > earliestTag) return;
      turn = stage;
      earliestTag = head.sample.startTag;
    });
    return turn ?? deepest;
  }

  private isReady(queue: StageQueue<S>, nowMs: number): boolean {
    return !this.holds || (this.first(queue.ready)?.readyMs ?? Number.POSITIVE_INFINITY) <= nowMs;
  }

  private insert(waiting: Waiting<S>): void {
    const { sample, stage } = waiting;
    const queue = this.queueOf(stage);
    queue.size++;
    queue.turns.push(sample.startTag, waiting);
    if (this.holds) queue.ready.push(waiting.readyMs, waiting);
    if (sample.deadlineMs < Number.POSITIVE_INFINITY) this.deadlines.push(sample.deadlineMs, waiting);
    this.waiting.set(sample, waiting);
  }

  /** Marks it as removed. It stays in the heaps until it reaches the top, or until they are cleared. */
  private leave({ sample, stage }: Waiting<S>): void {
    this.waiting.delete(sample);
    const queue = this.queueOf(stage);
    queue.size--;
    this.clear(queue.turns, queue.size);
    this.clear(queue.ready, queue.size);
    this.clear(this.deadlines, this.size);
    if (this.size === 0) this.clock.rest();
  }

  private clear(heap: MinHeap<Waiting<S>>, wait: number): void {
    if (heap.size > 2 * wait + maxLeft) heap.keep((waiting) => this.waits(waiting));
  }

  private head(queue: StageQueue<S>): Waiting<S> | undefined {
    return this.first(queue.turns);
  }

  private first(heap: MinHeap<Waiting<S>>): Waiting<S> | undefined {
    for (let first = heap.peek(); first; first = heap.peek()) {
      if (this.waits(first)) return first;
      heap.pop();
    }
    return undefined;
  }

  private waits(waiting: Waiting<S>): boolean {
    return this.waiting.get(waiting.sample) === waiting;
  }

  private queueOf(stage: number): StageQueue<S> {
    const queue = this.queues[stage];
    if (!queue) throw new RangeError(`stage: expected 0 to ${this.queues.length - 1}, found ${stage}`);
    return queue;
  }
}
