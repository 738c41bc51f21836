import type { Bundle } from '../bundle/bundle.js';
import { messageOf, OfframpError } from '../errors.js';
import { elementsOf } from '../shape.js';
import { BufferPool } from './buffer-pool.js';
import { listenToThread, type PoolThread, startThread } from './pool-thread.js';
import { checkSessionOptions, type SessionOptions } from './session-options.js';
import type { StageOutput, StageRunner } from './stage-runner.js';
import {
  endThread,
  exitViews,
  type RunBuffers,
  type ThreadData,
  type ThreadReply,
  type ThreadRequest,
  transferOf,
} from './thread-messages.js';

/** Jobs handed to a thread: one runs, the next is there when it ends, however busy the caller's loop is. */
const jobsPerThread = 2;
/** Kept unused per thread and size: what the jobs of a thread take, and what the caller holds meanwhile. */
const freeBuffersPerThread = 2 * jobsPerThread;
const bytesPerElement = Float32Array.BYTES_PER_ELEMENT;

export interface InferencePoolOptions extends SessionOptions {
  /** First stage to load. Default 0. */
  firstStage?: number;
  /** How many stages to load from there. Default: all that follow. */
  stages?: number;
  /** Threads that run stages, each with sessions of its own. Default 1. */
  threads?: number;
  /** Told once if a thread dies after all had started. From then on every job is rejected. */
  onLost?: (error: OfframpError) => void;
}

interface Job {
  request: ThreadRequest;
  resolve(output: PooledStageOutput): void;
  reject(error: Error): void;
}

/** A stage's output in memory of the pool. */
export interface PooledStageOutput extends StageOutput {
  /** Milliseconds inside ONNX Runtime. */
  computeMs: number;
  /** Gives the memory back to be used again; nothing of this output may be touched any more. May be left out. */
  release(): void;
}

interface InferenceThread extends PoolThread {
  /** Handed over and not finished, in order. */
  jobs: Job[];
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
  private readonly buffers: BufferPool;
  /** Buffers of the pool that callers hold, with the bytes that are theirs. */
  private readonly lent = new WeakMap<ArrayBuffer, number>();
  private nextId = 1;
  private closed: OfframpError | null = null;

  private constructor(
    private readonly bundle: Bundle,
    private readonly firstStage: number,
    private readonly stageEnd: number,
    private readonly threads: InferenceThread[],
    private readonly advice: { hint?: string },
    private readonly onLost: (error: OfframpError) => void,
  ) {
    this.buffers = new BufferPool(freeBuffersPerThread * threads.length);
  }

  /**
   * Reads and checks the stages, starts the threads and loads the sessions.
   * @throws OfframpError `CONFIG_INVALID`, `BUNDLE_CORRUPT`, `INFERENCE_FAILED`
   */
  static async create(bundle: Bundle, options: InferencePoolOptions = {}): Promise<InferencePool> {
    const all = bundle.manifest.stages;
    const firstStage = options.firstStage ?? 0;
    const stageEnd = Math.min(all.length, firstStage + (options.stages ?? all.length));
    const session = checkSessionOptions(options);
    const models = await bundle.readStages(firstStage, stageEnd);
    const workerData: ThreadData = {
      stages: all.slice(firstStage, stageEnd).map(({ inputShape, activationShape }, i) => ({
        model: models[i] as Uint8Array,
        inputShape,
        activationShape,
      })),
      firstStage,
      labels: bundle.manifest.labels.length,
      session,
    };
    const threads: InferenceThread[] = Array.from({ length: options.threads ?? 1 }, () => {
      return { ...startThread(threadModule, workerData), jobs: [] };
    });
    let started = false;
    const pool = new InferencePool(bundle, firstStage, stageEnd, threads, adviceOn(session), (error) => {
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
    return this.closed ? 0 : this.threads.filter(({ jobs }) => jobs.length === 0).length;
  }

  /**
   * Memory for the input of a run, to be filled and handed to {@link run}, which then need not copy it.
   * @returns `batch` × elements of the stage's `inputShape`; what it holds is left over from before
   */
  inputFor(stage: number, batch: number): Float32Array {
    return this.lend(batch * elementsOf(this.bundle.manifest.stages[stage]?.inputShape ?? []));
  }

  run(stage: number, input: Float32Array, batch: number): Promise<PooledStageOutput> {
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
      const { activationShape } = manifest;
      const buffers: RunBuffers = {
        input: this.takeOver(input),
        activation:
          activationShape && this.buffers.take(batch * elementsOf(activationShape) * bytesPerElement),
        exit: this.buffers.take(batch * (this.bundle.manifest.labels.length + 1) * bytesPerElement),
      };
      this.waiting.push({ request: { id: this.nextId++, stage, batch, buffers }, resolve, reject });
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
    return listenToThread<Exclude<ThreadReply, 'ready'>>(thread, {
      onReply: (reply) => this.settle(thread, reply),
      onLost: (problem) => {
        const error = new OfframpError(
          'INFERENCE_FAILED',
          `${this.bundle.directory}: ${problem}`,
          this.advice,
        );
        const news = this.closed === null;
        this.fail(error);
        if (news) this.onLost(error);
        return error;
      },
    });
  }

  private dispatch(): void {
    for (let depth = 0; depth < jobsPerThread; depth++) {
      for (const thread of this.threads) {
        if (thread.jobs.length > depth) continue;
        const job = this.waiting.shift();
        if (!job) return;
        thread.jobs.push(job);
        try {
          thread.worker.postMessage(job.request, transferOf(job.request.buffers));
        } catch (cause) {
          thread.jobs.pop();
          job.reject(
            new OfframpError('INFERENCE_FAILED', `cannot hand over the input: ${messageOf(cause)}`, {
              cause,
            }),
          );
        }
      }
    }
  }

  private settle(thread: InferenceThread, reply: Exclude<ThreadReply, 'ready'>): void {
    const job = thread.jobs.shift();
    const { buffers } = reply;
    this.buffers.give(buffers.input);
    if (job && 'computeMs' in reply) {
      job.resolve(this.outputOf(job.request, buffers, reply.computeMs));
    } else {
      this.release(buffers);
      if (job && 'error' in reply) {
        job.reject(new OfframpError('INFERENCE_FAILED', `stage ${job.request.stage}: ${reply.error}`));
      }
    }
    this.dispatch();
  }

  private outputOf(
    { stage, batch }: ThreadRequest,
    buffers: RunBuffers,
    computeMs: number,
  ): PooledStageOutput {
    const { labels, stages } = this.bundle.manifest;
    const elements = batch * elementsOf(stages[stage]?.activationShape ?? []);
    if (buffers.activation) this.lent.set(buffers.activation, elements * bytesPerElement);
    let released = false;
    return {
      activation: buffers.activation && new Float32Array(buffers.activation, 0, elements),
      ...exitViews(buffers.exit, batch, labels.length),
      computeMs,
      release: () => {
        if (!released) this.release(buffers);
        released = true;
      },
    };
  }

  /** Gives back what is still ours: the activation may have become the input of another run. */
  private release({ activation, exit }: RunBuffers): void {
    for (const buffer of activation ? [activation, exit] : [exit]) {
      this.lent.delete(buffer);
      if (buffer.byteLength > 0) this.buffers.give(buffer);
    }
  }

  private lend(elements: number): Float32Array<ArrayBuffer> {
    const buffer = this.buffers.take(elements * bytesPerElement);
    this.lent.set(buffer, elements * bytesPerElement);
    return new Float32Array(buffer, 0, elements);
  }

  /** The memory that goes to the thread: the input's own where nothing else is in it, else a copy. */
  private takeOver(input: Float32Array): ArrayBuffer {
    const { buffer, byteLength } = input;
    if (buffer instanceof ArrayBuffer && this.lent.get(buffer) === byteLength) return buffer;
    const copy = this.lend(input.length);
    copy.set(input);
    return copy.buffer;
  }

  private fail(error: OfframpError): void {
    this.closed ??= error;
    for (const thread of this.threads) for (const job of thread.jobs.splice(0)) job.reject(error);
    for (const job of this.waiting.splice(0)) job.reject(error);
  }
}

/** What a person can do about sessions that cannot be created. */
function adviceOn({ executionProviders }: SessionOptions): { hint?: string } {
  const others = executionProviders?.filter((name) => name !== 'cpu') ?? [];
  return others.length === 0
    ? {}
    : { hint: `Are the libraries of ${others.join(', ')} installed for onnxruntime-node? Without: cpu.` };
}
