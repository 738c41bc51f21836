import {
  type Bundle,
  brokenExitError,
  elementsOf,
  type PooledStageOutput,
  runStage,
  type StageRunner,
} from '@offramp/bundle';
import {
  type Clock,
  isDoubling,
  type Logger,
  messageOf,
  OfframpError,
  toOfframpError,
} from '@offramp/runtime';
import type { WorkerStats } from '../report/worker-stats.js';
import type { BatchSource, Dispatcher } from './dispatcher.js';
import type { FairClock } from './fair-clock.js';
import type { PendingSample } from './pending-sample.js';
import { type RowStore, StoredRow } from './row-store.js';
import { type Batch, StageBatcher } from './stage-batcher.js';
import { StageTimes } from './stage-times.js';

/** How long a sample may wait for others to fill its batch while batches of other stages are full. */
const overdueMs = 25;

export interface ServedBundleOptions {
  maxBatch: number;
  maxWaitMs: number;
}

/** Parts shared by all bundles of a worker. */
export interface SharedParts {
  dispatcher: Dispatcher;
  fairClock: FairClock;
  rows: RowStore;
  stats: WorkerStats;
  clock: Clock;
  logger: Logger;
}

/** Runs stages, and provides the memory for their input. */
export interface BatchRunner extends StageRunner<PooledStageOutput> {
  /** `batch` × elements of the stage's input, to be filled and passed to `run`. */
  inputFor(stage: number, batch: number): Float32Array;
}

/** Serves one bundle: takes samples at any stage, runs them in batches, and settles each with its outcome. */
export class ServedBundle implements BatchSource {
  private readonly batcher: StageBatcher<PendingSample>;
  private readonly times: StageTimes;
  private started = 0;
  private inFlight = 0;
  /** Samples for which an exit yielded no numbers. */
  private broken = 0;
  private readonly onEmpty: (() => void)[] = [];
  /** The scheduled wake-up, if any. */
  private wake: { atMs: number; cancel: () => void } | null = null;

  constructor(
    readonly bundle: Bundle,
    private readonly runner: BatchRunner,
    options: ServedBundleOptions,
    private readonly shared: SharedParts,
  ) {
    const stages = bundle.manifest.stages.length;
    this.times = new StageTimes(stages);
    this.batcher = new StageBatcher({ stages, overdueMs, ...options }, shared.fairClock, this.times);
    shared.dispatcher.add(this);
  }

  get running(): number {
    return this.started;
  }

  /** Counts a sample that will be queued, or settled before. */
  enter(): void {
    this.inFlight++;
  }

  /** Queues a sample that has entered at the stage of its input. */
  queue(stage: number, sample: PendingSample): void {
    this.batcher.add(stage, sample, this.shared.clock.now());
    this.pump();
  }

  /** Must be called for every sample that has entered and is settled, by any caller. */
  settled(sample: PendingSample): void {
    if (this.batcher.remove(sample)) forget(sample);
    this.inFlight--;
    if (this.inFlight === 0) for (const resolve of this.onEmpty.splice(0)) resolve();
  }

  /** No new samples follow, so none is held for others. Resolves when all are settled. */
  async finish(): Promise<void> {
    this.batcher.stopHolding();
    this.pump();
    if (this.inFlight > 0) await new Promise<void>((resolve) => this.onEmpty.push(resolve));
  }

  /** Stops permanently. Called when it has no samples and will get none. */
  close(): void {
    this.wake?.cancel();
    this.shared.dispatcher.remove(this);
  }

  startNext(nowMs: number, onlyFull: boolean): boolean {
    const batch = this.batcher.take(nowMs, onlyFull);
    if (!batch) return false;
    this.started++;
    void this.run(batch).finally(() => {
      this.started--;
      this.pump();
    });
    return true;
  }

  private pump(): void {
    const { clock, dispatcher } = this.shared;
    const now = clock.now();
    for (const sample of this.batcher.takeExpired(now)) {
      forget(sample);
      const waited = `${Math.round(now - sample.arrivedMs)} ms`;
      sample.settle({
        kind: 'refused',
        error: new OfframpError('DEADLINE_EXCEEDED', `the deadline passed in the queue, after ${waited}`),
      });
    }
    dispatcher.pump(now);
    // Ready samples that remain wait for a thread, which will call `pump`.
    const readyMs = this.batcher.nextReadyMs();
    this.wakeAt(Math.min(this.batcher.nextDeadlineMs(), readyMs > now ? readyMs : Number.POSITIVE_INFINITY));
  }

  private wakeAt(atMs: number): void {
    // Waking too early is harmless, and cheaper than a new timer for every sample.
    if (atMs === Number.POSITIVE_INFINITY || (this.wake && this.wake.atMs <= atMs)) return;
    this.wake?.cancel();
    const { clock } = this.shared;
    const delayMs = Math.min(2 ** 31 - 1, Math.max(0, Math.ceil(atMs - clock.now())));
    const cancel = clock.after(delayMs, () => {
      this.wake = null;
      this.pump();
    });
    this.wake = { atMs, cancel };
  }

  /** Never rejects: an error settles the samples of this batch. */
  private async run({ stage, samples: taken }: Batch<PendingSample>): Promise<void> {
    const { clock, stats, logger, rows } = this.shared;
    const { samples, input, codes } = this.gather(stage, taken);
    if (samples.length === 0) return;
    stats.onBatch(stage, samples.length);
    try {
      const step = await runStage(this.runner, stage, samples, input, codes);
      const { computeMs } = step.output;
      this.times.onBatch(stage, samples.length, computeMs);
      stats.onWork(this.bundle.digest, stage, samples.length, computeMs / 1_000);
      const now = clock.now();
      for (const sample of samples) sample.computeMs += computeMs;
      for (const answer of step.answered) {
        const { sample } = answer;
        sample.queueMs = now - sample.arrivedMs - sample.computeMs;
        sample.settle({ kind: 'answered', answer });
      }
      if (step.broken.length > 0) this.noteBroken(stage, step.broken);
      const width = elementsOf(this.bundle.manifest.stages[stage + 1]?.inputShape ?? []);
      step.staying.forEach((sample, row) => {
        if (sample.settled) return;
        sample.input = rows.keep(step.activation.subarray(row * width, (row + 1) * width));
        this.batcher.continue(stage + 1, sample, now);
      });
      step.output.release();
    } catch (cause) {
      logger.error(
        { err: cause, bundle: this.bundle.directory, stage, samples: samples.length },
        'batch failed',
      );
      const error = new OfframpError('INFERENCE_FAILED', `stage ${stage} failed: ${messageOf(cause)}`, {
        cause,
      });
      for (const sample of samples) sample.settle({ kind: 'refused', error });
    }
  }

  /** An exit has yielded no numbers for these samples. At the last one, that is their end. */
  private noteBroken(exit: number, samples: readonly PendingSample[]): void {
    const error = brokenExitError(exit);
    if (exit === this.bundle.branches)
      for (const sample of samples) sample.settle({ kind: 'refused', error });
    for (const _ of samples) {
      if (!isDoubling(++this.broken)) continue;
      const { directory } = this.bundle;
      this.shared.logger.warn({ bundle: directory, exit, samples: this.broken }, error.message);
    }
  }

  /** Writes the samples into one batch, and refuses malformed ones. */
  private gather(stage: number, taken: readonly PendingSample[]) {
    const width = elementsOf(this.bundle.manifest.stages[stage]?.inputShape ?? []);
    const batch = this.runner.inputFor(stage, taken.length);
    const samples: PendingSample[] = [];
    const codes: number[] = [];
    for (const sample of taken) {
      const at = samples.length * width;
      try {
        sample.input?.decodeInto(batch.subarray(at, at + width));
        if (sample.input?.isCode) codes.push(samples.length);
        sample.input = null;
        samples.push(sample);
      } catch (error) {
        sample.settle({ kind: 'refused', error: toOfframpError(error) });
      }
    }
    return { samples, input: batch.subarray(0, samples.length * width), codes };
  }
}

function forget(sample: PendingSample): void {
  if (sample.input instanceof StoredRow) sample.input.drop();
  sample.input = null;
}
