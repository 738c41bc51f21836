import {
  type Bundle,
  type Clock,
  elementsOf,
  type Logger,
  messageOf,
  OfframpError,
  type PooledStageOutput,
  runStage,
  type StageRunner,
} from '@offramp/shared';
import type { BatchSource, Dispatcher } from './dispatcher.js';
import type { FairClock } from './fair-clock.js';
import type { PendingSample } from './pending-sample.js';
import { toOfframpError } from './refusal.js';
import { type RowStore, StoredRow } from './row-store.js';
import { type Batch, StageBatcher } from './stage-batcher.js';
import { StageTimes } from './stage-times.js';
import type { WorkerStats } from './worker-stats.js';

/** How long a sample may wait for others to fill its batch while batches of other stages are full. */
const overdueMs = 25;

export interface ServedBundleOptions {
  maxBatch: number;
  maxWaitMs: number;
}

/** What all bundles of a worker share. */
export interface SharedParts {
  dispatcher: Dispatcher;
  fairClock: FairClock;
  rows: RowStore;
  stats: WorkerStats;
  clock: Clock;
  logger: Logger;
}

/** Runs stages, and lends the memory for their input. */
export interface BatchRunner extends StageRunner<PooledStageOutput> {
  /** `batch` × elements of the stage's input, to be filled and handed to `run`. */
  inputFor(stage: number, batch: number): Float32Array;
}

/** One bundle at work: takes samples at any stage, runs them in batches, settles each with its outcome. */
export class ServedBundle implements BatchSource {
  private readonly batcher: StageBatcher<PendingSample>;
  private readonly times: StageTimes;
  private started = 0;
  private inFlight = 0;
  private readonly onEmpty: (() => void)[] = [];
  /** The next time at which something is due, if that has been arranged. */
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

  /** Queues a sample at the stage whose input it carries. */
  submit(stage: number, sample: PendingSample): void {
    this.inFlight++;
    this.batcher.add(stage, sample, this.shared.clock.now());
    this.pump();
  }

  /** To be told of every sample that was submitted and is settled, whoever settled it. */
  settled(sample: PendingSample): void {
    if (this.batcher.remove(sample)) forget(sample);
    this.inFlight--;
    if (this.inFlight === 0) for (const resolve of this.onEmpty.splice(0)) resolve();
  }

  /** Nothing new will come: from now on no sample is held for others. Resolves when all are settled. */
  async finish(): Promise<void> {
    this.batcher.stopHolding();
    this.pump();
    if (this.inFlight > 0) await new Promise<void>((resolve) => this.onEmpty.push(resolve));
  }

  /** Stops for good: it has no samples any more, and will get none. */
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
    // What is ready and still here waits for a thread; that wakes it.
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

  /** Never rejects: what goes wrong settles the samples of this batch. */
  private async run({ stage, samples: taken }: Batch<PendingSample>): Promise<void> {
    const { clock, stats, logger, rows } = this.shared;
    const { samples, input } = this.gather(stage, taken);
    if (samples.length === 0) return;
    stats.onBatch(stage, samples.length);
    try {
      const step = await runStage(this.runner, stage, samples, input);
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

  /** Writes the samples into one batch; refuses those that turn out not to be what they should be. */
  private gather(stage: number, taken: readonly PendingSample[]) {
    const width = elementsOf(this.bundle.manifest.stages[stage]?.inputShape ?? []);
    const batch = this.runner.inputFor(stage, taken.length);
    const samples: PendingSample[] = [];
    for (const sample of taken) {
      const at = samples.length * width;
      try {
        sample.input?.decodeInto(batch.subarray(at, at + width));
        sample.input = null;
        samples.push(sample);
      } catch (error) {
        sample.settle({ kind: 'refused', error: toOfframpError(error) });
      }
    }
    return { samples, input: batch.subarray(0, samples.length * width) };
  }
}

function forget(sample: PendingSample): void {
  if (sample.input instanceof StoredRow) sample.input.drop();
  sample.input = null;
}
