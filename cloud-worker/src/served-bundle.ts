import {
  type Bundle,
  type Clock,
  elementsOf,
  type Logger,
  messageOf,
  OfframpError,
  runStage,
  type StageRunner,
} from '@offramp/shared';
import type { PendingSample } from './pending-sample.js';
import { type Batch, StageBatcher } from './stage-batcher.js';
import type { WorkerStats } from './worker-stats.js';

/** A stage whose oldest sample is older than this goes before deeper stages. */
const overdueMs = 100;

export interface ServedBundleOptions {
  /** Batches that run at once: the runner's threads. */
  threads: number;
  maxBatch: number;
  maxWaitMs: number;
}

/** One bundle at work: takes samples at any stage, runs them in batches, settles each with its outcome. */
export class ServedBundle {
  private readonly batcher: StageBatcher<PendingSample>;
  private running = 0;
  private cancelWake: (() => void) | null = null;

  constructor(
    readonly bundle: Bundle,
    private readonly runner: StageRunner,
    private readonly options: ServedBundleOptions,
    private readonly stats: WorkerStats,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    const { maxBatch, maxWaitMs } = options;
    const stages = bundle.manifest.stages.length;
    this.batcher = new StageBatcher({ stages, maxBatch, maxWaitMs, overdueMs });
  }

  /** Queues a sample at the stage whose input it carries. */
  submit(stage: number, sample: PendingSample): void {
    this.batcher.add(stage, sample, this.clock.now());
    this.pump();
  }

  /** Takes out of the queues the samples that have been settled meanwhile. */
  dropSettled(): void {
    this.batcher.remove((sample) => sample.settled);
    this.pump();
  }

  /** Nothing new will come: from now on no sample is held for others. */
  finish(): void {
    this.batcher.stopHolding();
    this.pump();
  }

  private pump(): void {
    const now = this.clock.now();
    for (const sample of this.batcher.takeExpired(now)) {
      const waited = `${Math.round(now - sample.arrivedMs)} ms`;
      sample.settle({
        kind: 'refused',
        error: new OfframpError('DEADLINE_EXCEEDED', `the deadline passed in the queue, after ${waited}`),
      });
    }
    while (this.running < this.options.threads) {
      const batch = this.batcher.take(now);
      if (!batch) break;
      this.running++;
      void this.run(batch, now).finally(() => {
        this.running--;
        this.pump();
      });
    }
    this.wakeAt(
      Math.min(
        this.batcher.nextDeadlineMs(),
        this.running < this.options.threads ? this.batcher.nextReadyMs() : Number.POSITIVE_INFINITY,
      ),
    );
  }

  private wakeAt(timeMs: number): void {
    this.cancelWake?.();
    this.cancelWake = null;
    if (timeMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(2 ** 31 - 1, Math.max(0, Math.ceil(timeMs - this.clock.now())));
    this.cancelWake = this.clock.after(delayMs, () => this.pump());
  }

  /** Never rejects: what goes wrong settles the samples of this batch. */
  private async run({ stage, samples }: Batch<PendingSample>, startedMs: number): Promise<void> {
    this.stats.onBatch(stage, samples.length);
    for (const sample of samples) sample.queueMs += startedMs - sample.queuedMs;
    try {
      const step = await runStage(this.runner, stage, samples, gather(samples));
      const finishedMs = this.clock.now();
      for (const sample of samples) sample.computeMs += finishedMs - startedMs;
      for (const answer of step.answered) answer.sample.settle({ kind: 'answered', answer });
      const width = elementsOf(this.bundle.manifest.stages[stage + 1]?.inputShape ?? []);
      step.staying.forEach((sample, row) => {
        if (sample.settled) return;
        sample.input = step.activation.subarray(row * width, (row + 1) * width);
        sample.queuedMs = finishedMs;
        this.batcher.continue(stage + 1, sample, finishedMs);
      });
    } catch (cause) {
      this.logger.error(
        { err: cause, bundle: this.bundle.directory, stage, samples: samples.length },
        'batch failed',
      );
      const error = new OfframpError('INFERENCE_FAILED', `stage ${stage} failed: ${messageOf(cause)}`, {
        cause,
      });
      for (const sample of samples) sample.settle({ kind: 'refused', error });
    }
  }
}

/** The samples' inputs in one tensor of its own: the batch's other samples' memory stays out of it. */
function gather(samples: readonly PendingSample[]): Float32Array {
  const width = samples[0]?.input.length ?? 0;
  const batch = new Float32Array(samples.length * width);
  samples.forEach((sample, row) => {
    batch.set(sample.input, row * width);
  });
  return batch;
}
