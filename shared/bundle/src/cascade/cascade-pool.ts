import type { ExitOutcome } from '@offramp/contracts';
import { type Clock, isOfframpError, messageOf, OfframpError } from '@offramp/runtime';
import type { Bundle } from '../files/bundle.js';
import { checkSessionOptions } from '../inference/session-options.js';
import { readStageModels } from '../inference/stage-models.js';
import { ThreadPool, type ThreadRoom, type ThreadWork } from '../inference/thread-pool.js';
import { elementsOf } from '../shape.js';
import { brokenExitError, type CascadeEnd, type CascadeSample } from './cascade.js';
import {
  type CascadeReply,
  type CascadeRequest,
  type CascadeStep,
  type CascadeThreadData,
  hurrySignal,
  valuesPerSample,
} from './cascade-messages.js';
import { InlineCascade } from './inline-cascade.js';

export interface CascadePoolOptions {
  /** How many stages to run, from the first. Default: all. */
  stages?: number;
  /** Threads, each with sessions of its own. Default 1. */
  threads?: number;
  /** Samples that run through a stage together, at most. Default 1. */
  maxBatch?: number;
  /** ONNX Runtime's `intra_op_num_threads` of every session. Default 1. */
  intraOpThreads?: number;
  /**
   * ONNX Runtime's `session.intra_op_thread_affinities`: for each thread inside a run except the first, which is the
   * caller's, the logical processors it may run on, counted from 1, like `2;3` or `1-2;3-4`. Default: any.
   */
  intraOpAffinities?: string | undefined;
  /** Called once if a thread dies after all have started. From then on every sample is rejected. */
  onLost?: (error: OfframpError) => void;
}

export interface CascadeRunOptions {
  /**
   * Whether the sample gives way to others: it runs when no other waits, or after {@link maxBatchesBefore} batches of
   * others. Default false.
   */
  background?: boolean;
}

interface Job {
  sample: CascadeSample;
  input: Float32Array;
  resolve(end: CascadeEnd): void;
  reject(error: OfframpError): void;
}

/** Samples that run together on a thread. */
interface Batch extends ThreadWork {
  /** The samples that have not left. */
  jobs: Job[];
  stage: number;
  /** When a single sample was handed to an idle thread; `null` for any other batch. */
  aloneSinceMs: number | null;
}

/** Batches of other samples after which a background sample joins the next one; else a busy device would never run it. */
const maxBatchesBefore = 32;

// The compiled thread, also for unit tests, which import the source.
const threadModule = new URL('../../dist/cascade/cascade-thread.js', import.meta.url);

/**
 * Runs samples through a bundle's first stages in worker threads, each sample to its exit or through the last of those
 * stages, without returning in between.
 *
 * Samples that arrive while the threads are busy, or in the same turn of the event loop, run in one batch. No sample
 * is held back to wait for others. A sample that comes alone runs in the calling thread if the stages are quick
 * ({@link InlineCascade}). The caller bounds how many samples wait.
 */
export class CascadePool {
  private readonly waiting: Job[] = [];
  private readonly background: Job[] = [];
  /** Batches formed while the first background sample waits. */
  private batchesBefore = 0;
  private readonly width: number;
  private readonly maxBatch: number;
  private readonly threadCount: number;
  private readonly threads: ThreadPool<Batch, CascadeReply>;
  private readonly inline: InlineCascade;
  /** The sample that runs in the calling thread. */
  private inlineJob: Job | null = null;
  private scheduled = false;

  private constructor(
    bundle: Bundle,
    data: CascadeThreadData,
    private readonly clock: Clock,
    options: CascadePoolOptions,
  ) {
    this.width = elementsOf(bundle.manifest.input.shape);
    this.maxBatch = options.maxBatch ?? 1;
    this.threadCount = options.threads ?? 1;
    this.inline = new InlineCascade(bundle, data.stages.length, data.session, clock);
    this.threads = new ThreadPool(
      {
        module: threadModule,
        workerData: data,
        threads: this.threadCount,
        subject: bundle.directory,
        onLost: options.onLost,
      },
      {
        next: (room) => this.next(room),
        receive: (batch, reply) => this.receive(batch, reply),
        rejectWaiting: (error) => this.rejectWaiting(error),
      },
    );
  }

  /**
   * Reads and checks the stages, starts the threads and loads the sessions.
   * @throws OfframpError `BUNDLE_CORRUPT`, `BUNDLE_INVALID`, `INFERENCE_FAILED`
   */
  static async create(bundle: Bundle, clock: Clock, options: CascadePoolOptions = {}): Promise<CascadePool> {
    const { intraOpAffinities, intraOpThreads = 1 } = options;
    const session = checkSessionOptions({
      intraOpThreads,
      sessionEntries:
        intraOpAffinities === undefined ? {} : { 'session.intra_op_thread_affinities': intraOpAffinities },
    });
    const all = bundle.manifest.stages.length;
    const stages = await readStageModels(bundle, 0, Math.min(all, options.stages ?? all));
    const pool = new CascadePool(bundle, { stages, session }, clock, options);
    await pool.threads.ready();
    return pool;
  }

  /**
   * @param sample its `passed` grows as its exits become known, also if the promise is rejected afterwards
   * @param input elements of the first stage's `inputShape`; read until the sample ends, not kept or changed
   * @throws OfframpError `TENSOR_INVALID` for a wrong length, `INFERENCE_FAILED`, `STOPPING`
   */
  run(sample: CascadeSample, input: Float32Array, options: CascadeRunOptions = {}): Promise<CascadeEnd> {
    if (input.length !== this.width) {
      const message = `input: expected ${this.width} elements, found ${input.length}`;
      return Promise.reject(new OfframpError('TENSOR_INVALID', message));
    }
    if (this.threads.closed) return Promise.reject(this.threads.closed);
    return new Promise((resolve, reject) => {
      (options.background ? this.background : this.waiting).push({ sample, input, resolve, reject });
      this.schedule();
    });
  }

  /** From now on a sample ends at the first exit that it passes, whether or not it leaves by it. */
  hurry(): void {
    this.inline.hurry();
    this.threads.signal(hurrySignal);
  }

  /** Ends the threads. Samples that have not ended are rejected with `STOPPING`. */
  async close(): Promise<void> {
    await Promise.all([this.threads.close(), this.inline.close()]);
  }

  /** Once in a turn of the event loop, so that samples that arrive together run together. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.threads.dispatch();
    });
  }

  private next({ idle, threadsLeft }: ThreadRoom): Batch | null {
    // A batch that waits behind another may still grow, unless it is full.
    if (!idle) return this.waiting.length < this.maxBatch ? null : this.takeBatch(this.maxBatch, idle);
    const alone = this.waiting.length === 1 && threadsLeft === this.threadCount;
    if (alone && this.inline.free) void this.runInline(this.waiting.shift() as Job);
    if (this.waiting.length === 0) return this.batchOf(this.takeBackground(), idle);
    return this.takeBatch(Math.ceil(this.waiting.length / threadsLeft), idle);
  }

  private async runInline(job: Job): Promise<void> {
    this.inlineJob = job;
    try {
      job.resolve(await this.inline.run(job.sample, job.input));
    } catch (error) {
      const stage = job.sample.passed.length;
      const message = `stage ${stage}: ${messageOf(error)}`;
      job.reject(isOfframpError(error) ? error : new OfframpError('INFERENCE_FAILED', message));
    }
    this.inlineJob = null;
    this.threads.dispatch();
  }

  private takeBatch(most: number, idle: boolean): Batch | null {
    const jobs = this.waiting.splice(0, Math.min(most, this.maxBatch));
    const overdue = this.background.length > 0 && ++this.batchesBefore > maxBatchesBefore;
    return this.batchOf(overdue ? [...jobs, ...this.takeBackground()] : jobs, idle);
  }

  private takeBackground(): Job[] {
    this.batchesBefore = 0;
    return this.background.splice(0, 1);
  }

  private batchOf(jobs: Job[], idle: boolean): Batch | null {
    if (jobs.length === 0) return null;
    const input = new Float32Array(jobs.length * this.width);
    jobs.forEach((job, row) => {
      input.set(job.input, row * this.width);
    });
    const request: CascadeRequest = { thresholds: jobs.map(({ sample }) => sample.thresholds), input };
    const batch: Batch = {
      jobs,
      stage: 0,
      aloneSinceMs: idle && jobs.length === 1 ? this.clock.now() : null,
      request,
      transfer: [input.buffer],
      reject(error) {
        for (const job of batch.jobs) job.reject(error);
      },
    };
    return batch;
  }

  private receive(batch: Batch, { steps, activation, code }: CascadeReply): boolean {
    for (const step of steps) advance(batch, step);
    if (activation === null) return false;
    if (batch.aloneSinceMs !== null) this.inline.noteThreadTime(this.clock.now() - batch.aloneSinceMs);
    const rowOf = (values: Float32Array, row: number) => {
      const width = values.length / Math.max(1, batch.jobs.length);
      return values.subarray(row * width, (row + 1) * width);
    };
    batch.jobs.forEach((job, row) => {
      job.resolve({ activation: rowOf(activation, row), ...(code ? { code: rowOf(code, row) } : {}) });
    });
    return true;
  }

  private rejectWaiting(error: OfframpError): void {
    this.inlineJob?.reject(error);
    for (const job of [...this.waiting.splice(0), ...this.background.splice(0)]) job.reject(error);
  }
}

/** Gives the outcomes of one stage to the samples of the batch. */
function advance(batch: Batch, step: CascadeStep): void {
  const exit = batch.stage++;
  batch.jobs = batch.jobs.filter((job, row) => {
    const at = row * valuesPerSample;
    const outcome: ExitOutcome = { exit, label: step[at] as number, confidence: step[at + 1] as number };
    const left = step[at + 2] === 1;
    if (left && Number.isNaN(outcome.confidence)) job.reject(brokenExitError(exit));
    else if (left) job.resolve({ left: outcome });
    else job.sample.passed.push(outcome);
    return !left;
  });
}
