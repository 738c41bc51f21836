import { Worker } from 'node:worker_threads';
import type { Bundle } from '../bundle/bundle.js';
import { messageOf, OfframpError } from '../errors.js';
import { elementsOf } from '../shape.js';
import type { StageOutput, StageRunner } from './stage-runner.js';
import { endThread, type ThreadData, type ThreadReply, type ThreadRequest } from './thread-messages.js';

export interface InferencePoolOptions {
  /** First stage to load. Default 0. */
  firstStage?: number;
  /** How many stages to load from there. Default: all that follow. */
  stages?: number;
  /** Threads that run stages, each with sessions of its own. Default 1. */
  threads?: number;
  /** ONNX Runtime's `intra_op_num_threads` of every session. Default 1: throughput scales with `threads`. */
  intraOpThreads?: number;
  /** Told once if a thread dies after all had started. From then on every job is rejected. */
  onLost?: (error: OfframpError) => void;
}

interface Job {
  request: ThreadRequest;
  resolve(output: TimedStageOutput): void;
  reject(error: Error): void;
}

export interface TimedStageOutput extends StageOutput {
  /** Milliseconds inside ONNX Runtime. */
  computeMs: number;
}

interface InferenceThread {
  worker: Worker;
  running: Job | null;
  ended: Promise<void>;
}

// The compiled thread, from here in `dist/` as well as from the source that unit tests import.
const threadModule = new URL('../../dist/inference/inference-thread.js', import.meta.url);

/**
 * Runs a bundle's stages in worker threads. `session.run` blocks the thread that calls it, and the
 * caller's event loop has a network to serve. Jobs beyond the number of threads wait in order; whoever
 * feeds the pool bounds how many there can be.
 */
export class InferencePool implements StageRunner {
  private readonly waiting: Job[] = [];
  private nextId = 1;
  private closed: OfframpError | null = null;

  private constructor(
    private readonly bundle: Bundle,
    private readonly firstStage: number,
    private readonly stageEnd: number,
    private readonly threads: InferenceThread[],
    private readonly onLost: (error: OfframpError) => void,
  ) {}

  /**
   * Reads and checks the stages, starts the threads and loads the sessions.
   * @throws OfframpError `BUNDLE_CORRUPT`, `INFERENCE_FAILED`
   */
  static async create(bundle: Bundle, options: InferencePoolOptions = {}): Promise<InferencePool> {
    const all = bundle.manifest.stages;
    const firstStage = options.firstStage ?? 0;
    const stageEnd = Math.min(all.length, firstStage + (options.stages ?? all.length));
    const workerData: ThreadData = {
      models: await bundle.readStages(firstStage, stageEnd),
      inputShapes: all.slice(firstStage, stageEnd).map((stage) => stage.inputShape),
      firstStage,
      intraOpThreads: options.intraOpThreads ?? 1,
    };
    const threads: InferenceThread[] = Array.from({ length: options.threads ?? 1 }, () => {
      const worker = new Worker(threadModule, { workerData });
      const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
      return { worker, running: null, ended };
    });
    let started = false;
    const pool = new InferencePool(bundle, firstStage, stageEnd, threads, (error) => {
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

  /** Threads that have nothing to do. */
  get idleThreads(): number {
    return this.closed ? 0 : this.threads.filter((thread) => !thread.running).length;
  }

  run(stage: number, input: Float32Array, batch: number): Promise<TimedStageOutput> {
    const manifest = this.bundle.manifest.stages[stage];
    if (!manifest || stage < this.firstStage || stage >= this.stageEnd) {
      const loaded = `${this.firstStage} to ${this.stageEnd - 1}`;
      return Promise.reject(
        new OfframpError(
          'INFERENCE_FAILED',
          `stage: expected one of the loaded ones, ${loaded}; found ${stage}`,
        ),
      );
    }
    const expected = batch * elementsOf(manifest.inputShape);
    if (input.length !== expected || batch < 1) {
      return Promise.reject(
        new OfframpError(
          'TENSOR_INVALID',
          `input of stage ${stage}: expected ${expected} elements for a batch of ${batch}, found ${input.length}`,
        ),
      );
    }
    if (this.closed) return Promise.reject(this.closed);
    return new Promise((resolve, reject) => {
      this.waiting.push({ request: { id: this.nextId++, stage, input, batch }, resolve, reject });
      this.dispatch();
    });
  }

  /** Stops the threads. Jobs that have not finished are rejected with `STOPPING`. */
  async close(): Promise<void> {
    this.fail(new OfframpError('STOPPING', 'the inference pool is closed'));
    // Each ends by itself: terminating a thread inside ONNX Runtime aborts the whole process.
    for (const { worker } of this.threads) worker.postMessage(endThread);
    await Promise.all(this.threads.map((thread) => thread.ended));
  }

  private start(thread: InferenceThread): Promise<void> {
    return new Promise((resolve, reject) => {
      const lost = (problem: string) => {
        const error = new OfframpError('INFERENCE_FAILED', `${this.bundle.directory}: ${problem}`);
        reject(error);
        const news = this.closed === null;
        this.fail(error);
        if (news) this.onLost(error);
      };
      thread.worker.on('error', (error) => lost(error.message));
      thread.worker.on('exit', () => lost('an inference thread ended'));
      thread.worker.on('message', (reply: ThreadReply) => {
        if ('ready' in reply) resolve();
        else this.settle(thread, reply);
      });
    });
  }

  private dispatch(): void {
    for (const thread of this.threads) {
      if (thread.running) continue;
      const job = this.waiting.shift();
      if (!job) return;
      thread.running = job;
      const { input } = job.request;
      const whole = input.buffer instanceof ArrayBuffer && input.byteLength === input.buffer.byteLength;
      try {
        thread.worker.postMessage(job.request, whole ? [input.buffer as ArrayBuffer] : []);
      } catch (cause) {
        thread.running = null;
        job.reject(
          new OfframpError('INFERENCE_FAILED', `cannot hand over the input: ${messageOf(cause)}`, { cause }),
        );
      }
    }
  }

  private settle(thread: InferenceThread, reply: Exclude<ThreadReply, { ready: true }>): void {
    const job = thread.running;
    thread.running = null;
    if (job) {
      if ('output' in reply) job.resolve({ ...reply.output, computeMs: reply.computeMs });
      else job.reject(new OfframpError('INFERENCE_FAILED', `stage ${job.request.stage}: ${reply.error}`));
    }
    this.dispatch();
  }

  private fail(error: OfframpError): void {
    this.closed ??= error;
    for (const thread of this.threads) {
      thread.running?.reject(error);
      thread.running = null;
    }
    for (const job of this.waiting.splice(0)) job.reject(error);
  }
}
