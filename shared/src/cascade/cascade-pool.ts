import type { Bundle } from '../bundle/bundle.js';
import { messageOf, OfframpError } from '../errors.js';
import { listenToThread, type PoolThread, startThread } from '../inference/pool-thread.js';
import { checkSessionOptions } from '../inference/session-options.js';
import { elementsOf } from '../shape.js';
import type { CascadeEnd, CascadeSample, ExitOutcome } from './cascade.js';
import {
  type CascadeStep,
  type CascadeThreadData,
  type CascadeThreadReply,
  type CascadeThreadRequest,
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
   * ONNX Runtime's `session.intra_op_thread_affinities`: for each thread inside a run but the first, which is the
   * caller's, the logical processors it may run on, counted from 1, like `2;3` or `1-2;3-4`. Default: any.
   */
  intraOpAffinities?: string | undefined;
  /** Told once if a thread dies after all had started. From then on every sample is rejected. */
  onLost?: (error: OfframpError) => void;
}

export interface CascadeRunOptions {
  /** Whether it may wait for all others: it runs while no other waits, or when many batches have gone before it. Default false. */
  background?: boolean;
}

interface Job {
  sample: CascadeSample;
  input: Float32Array;
  resolve(end: CascadeEnd): void;
  reject(error: Error): void;
}

/** A batch on a thread. */
interface Running {
  /** The samples that have not left. */
  jobs: Job[];
  stage: number;
  /** When it was handed over, if it is one sample that the thread was idle for; else `null`. */
  aloneSince: number | null;
}

interface CascadeThread extends PoolThread {
  running: Map<number, Running>;
}

/** Batches that a thread has at once: the one it runs and the one it goes on with, so that it never waits for us. */
const batchesPerThread = 2;
/** So many batches go before a sample in the background; then it shares the next one, or a busy device would never run it. */
const maxBatchesBefore = 32;

// The compiled thread, from here in `dist/` as well as from the source that unit tests import.
const threadModule = new URL('../../dist/cascade/cascade-thread.js', import.meta.url);

/**
 * Runs samples through a bundle's first stages in worker threads, each sample to its exit or to the last of those
 * stages without coming back in between.
 *
 * Samples that arrive while the threads are busy, or in the same turn of the event loop, run in one batch. No sample
 * is held back for others. A single sample that nothing else runs beside does so in the calling thread, where stages are
 * quick ({@link InlineCascade}). How many can wait is bounded by whoever feeds the pool.
 */
export class CascadePool {
  private readonly waiting: Job[] = [];
  private readonly background: Job[] = [];
  /** Batches that went before the first sample in the background. */
  private batchesBefore = 0;
  private readonly width: number;
  private readonly maxBatch: number;
  /** The sample that runs in this thread. */
  private here: Job | null = null;
  private nextId = 1;
  private scheduled = false;
  private closed: OfframpError | null = null;

  private constructor(
    private readonly bundle: Bundle,
    private readonly threads: readonly CascadeThread[],
    private readonly inline: InlineCascade,
    options: CascadePoolOptions,
    private readonly onLost: (error: OfframpError) => void,
  ) {
    this.width = elementsOf(bundle.manifest.input.shape);
    this.maxBatch = options.maxBatch ?? 1;
  }

  /**
   * Reads and checks the stages, starts the threads and loads the sessions.
   * @throws OfframpError `BUNDLE_CORRUPT`, `INFERENCE_FAILED`
   */
  static async create(bundle: Bundle, options: CascadePoolOptions = {}): Promise<CascadePool> {
    const stages = bundle.manifest.stages.slice(0, options.stages);
    const session = checkSessionOptions({
      intraOpThreads: options.intraOpThreads ?? 1,
      sessionEntries:
        options.intraOpAffinities === undefined
          ? {}
          : { 'session.intra_op_thread_affinities': options.intraOpAffinities },
    });
    const workerData: CascadeThreadData = {
      models: await bundle.readStages(0, stages.length),
      inputShapes: stages.map((stage) => stage.inputShape),
      session,
    };
    const threads = Array.from({ length: options.threads ?? 1 }, (): CascadeThread => {
      return { ...startThread(threadModule, workerData), running: new Map() };
    });
    let started = false;
    const inline = new InlineCascade(bundle, stages.length, session);
    const pool = new CascadePool(bundle, threads, inline, options, (error) => {
      if (started) options.onLost?.(error);
    });
    try {
      await Promise.all(threads.map((thread) => pool.start(thread)));
    } catch (error) {
      await pool.close();
      throw error;
    }
    started = true;
    return pool;
  }

  /**
   * @param sample `passed` grows as its exits become known, also where the promise is rejected afterwards
   * @param input elements of the first stage's `inputShape`; read until the sample ends, not kept or changed
   * @throws OfframpError `TENSOR_INVALID` for a wrong length, `INFERENCE_FAILED`, `STOPPING`
   */
  run(sample: CascadeSample, input: Float32Array, options: CascadeRunOptions = {}): Promise<CascadeEnd> {
    if (input.length !== this.width) {
      const message = `input: expected ${this.width} elements, found ${input.length}`;
      return Promise.reject(new OfframpError('TENSOR_INVALID', message));
    }
    if (this.closed) return Promise.reject(this.closed);
    return new Promise((resolve, reject) => {
      (options.background ? this.background : this.waiting).push({ sample, input, resolve, reject });
      this.schedule();
    });
  }

  /** From now on a sample ends at the first exit that it passes, whether or not it leaves by it. */
  hurry(): void {
    this.inline.hurry();
    for (const thread of this.threads) this.post(thread, 'hurry');
  }

  /** Stops the threads. Samples that have not ended are rejected with `STOPPING`. */
  async close(): Promise<void> {
    this.fail(new OfframpError('STOPPING', 'the inference threads are closed'));
    // Each ends by itself: terminating a thread inside ONNX Runtime aborts the whole process.
    for (const thread of this.threads) this.post(thread, 'end');
    await Promise.all([this.inline.close(), ...this.threads.map((thread) => thread.ended)]);
  }

  private start(thread: CascadeThread): Promise<void> {
    return listenToThread<Exclude<CascadeThreadReply, 'ready'>>(thread, {
      onReply: (reply) => this.settle(thread, reply),
      onLost: (problem) => {
        const error = new OfframpError('INFERENCE_FAILED', `${this.bundle.directory}: ${problem}`);
        const news = this.closed === null;
        this.fail(error);
        if (news) this.onLost(error);
        return error;
      },
    });
  }

  /** Once in a turn of the event loop, so that samples that arrive together run together. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.dispatch();
    });
  }

  private dispatch(): void {
    const idle = this.threads.filter(({ running }) => running.size === 0);
    const alone = this.waiting.length === 1 && idle.length === this.threads.length;
    if (alone && this.inline.free) void this.runHere(this.waiting.shift() as Job);
    idle.forEach((thread, i) => {
      if (this.waiting.length > 0) this.begin(thread, Math.ceil(this.waiting.length / (idle.length - i)));
      else this.postJobs(thread, this.takeBackground());
    });
    // What waits behind a running batch may still grow; a full one cannot.
    for (const thread of this.threads) {
      if (this.waiting.length < this.maxBatch) return;
      if (thread.running.size < batchesPerThread) this.begin(thread, this.maxBatch);
    }
  }

  private async runHere(job: Job): Promise<void> {
    this.here = job;
    try {
      job.resolve(await this.inline.run(job.sample, job.input));
    } catch (error) {
      job.reject(inferenceFailed(job.sample.passed.length, messageOf(error)));
    }
    this.here = null;
    this.dispatch();
  }

  private begin(thread: CascadeThread, most: number): void {
    const jobs = this.waiting.splice(0, Math.min(most, this.maxBatch));
    const overdue = this.background.length > 0 && ++this.batchesBefore > maxBatchesBefore;
    this.postJobs(thread, overdue ? [...jobs, ...this.takeBackground()] : jobs);
  }

  private takeBackground(): Job[] {
    this.batchesBefore = 0;
    return this.background.splice(0, 1);
  }

  private postJobs(thread: CascadeThread, jobs: Job[]): void {
    if (jobs.length === 0) return;
    const id = this.nextId++;
    const input = new Float32Array(jobs.length * this.width);
    jobs.forEach((job, row) => {
      input.set(job.input, row * this.width);
    });
    const thresholds = jobs.map(({ sample }) => sample.thresholds);
    const alone = jobs.length === 1 && thread.running.size === 0;
    thread.running.set(id, { jobs, stage: 0, aloneSince: alone ? performance.now() : null });
    this.post(thread, { id, thresholds, input }, [input.buffer]);
  }

  private post(thread: CascadeThread, request: CascadeThreadRequest, transfer: ArrayBuffer[] = []): void {
    thread.worker.postMessage(request, transfer);
  }

  private settle(thread: CascadeThread, reply: Exclude<CascadeThreadReply, 'ready'>): void {
    const batch = thread.running.get(reply.id);
    if (!batch) return;
    if ('error' in reply) {
      thread.running.delete(reply.id);
      const error = inferenceFailed(batch.stage, reply.error);
      for (const job of batch.jobs) job.reject(error);
      this.dispatch();
      return;
    }
    for (const step of reply.steps) advance(batch, step);
    if (reply.activation === null) return;
    thread.running.delete(reply.id);
    if (batch.aloneSince !== null) this.inline.tookThread(performance.now() - batch.aloneSince);
    const width = reply.activation.length / Math.max(1, batch.jobs.length);
    batch.jobs.forEach((job, row) => {
      const activation = (reply.activation as Float32Array).subarray(row * width, (row + 1) * width);
      job.resolve({ activation });
    });
    this.dispatch();
  }

  private fail(error: OfframpError): void {
    this.closed ??= error;
    this.here?.reject(error);
    for (const { running } of this.threads) {
      for (const { jobs } of running.values()) for (const job of jobs) job.reject(error);
      running.clear();
    }
    for (const job of [...this.waiting.splice(0), ...this.background.splice(0)]) job.reject(error);
  }
}

const inferenceFailed = (stage: number, problem: string) =>
  new OfframpError('INFERENCE_FAILED', `stage ${stage}: ${problem}`);

/** Takes one stage's outcomes to the samples they are of. */
function advance(batch: Running, step: CascadeStep): void {
  const exit = batch.stage++;
  batch.jobs = batch.jobs.filter((job, row) => {
    const at = row * valuesPerSample;
    const outcome: ExitOutcome = { exit, label: step[at] as number, confidence: step[at + 1] as number };
    const left = step[at + 2] === 1;
    if (left) job.resolve({ left: outcome });
    else job.sample.passed.push(outcome);
    return !left;
  });
}
