import { OfframpError } from '@offramp/runtime';
import type { Bundle } from '../files/bundle.js';
import { elementsOf } from '../shape.js';
import {
  type InferenceReply,
  type InferenceRequest,
  type InferenceThreadData,
  outputViews,
  transferOf,
} from './run-buffers.js';
import { RunMemory } from './run-memory.js';
import { checkSessionOptions, type SessionOptions } from './session-options.js';
import { readStageModels } from './stage-models.js';
import type { StageOutput, StageRunner } from './stage-runner.js';
import { ThreadPool, type ThreadWork } from './thread-pool.js';

export interface InferencePoolOptions extends SessionOptions {
  /** First stage to load. Default 0. */
  firstStage?: number;
  /** How many stages to load from there. Default: all that follow. */
  stages?: number;
  /** Threads that run stages, each with sessions of its own. Default 1. */
  threads?: number;
  /** Called once if a thread dies after all have started. From then on every job is rejected. */
  onLost?: (error: OfframpError) => void;
}

interface Job extends ThreadWork {
  batch: number;
  resolve(output: PooledStageOutput): void;
}

/** A stage's output in memory of the pool. */
export interface PooledStageOutput extends StageOutput {
  /** Milliseconds inside ONNX Runtime. */
  computeMs: number;
  /** Gives the memory back for other runs; this output must not be used afterwards. Optional. */
  release(): void;
}

// The compiled thread, also for unit tests, which import the source.
const threadModule = new URL('../../dist/inference/inference-thread.js', import.meta.url);

/**
 * Runs a bundle's stages in worker threads: `session.run` blocks the thread that calls it, and the caller's event
 * loop has a network to serve. Jobs beyond what the threads hold wait in order; the caller bounds how many.
 */
export class InferencePool implements StageRunner {
  private readonly waiting: Job[] = [];
  private readonly memory: RunMemory;
  private readonly threads: ThreadPool<Job, InferenceReply>;

  private constructor(
    private readonly bundle: Bundle,
    private readonly data: InferenceThreadData,
    options: InferencePoolOptions,
  ) {
    const threads = options.threads ?? 1;
    this.memory = new RunMemory(bundle.manifest, threads);
    this.threads = new ThreadPool(
      {
        module: threadModule,
        workerData: data,
        threads,
        subject: bundle.directory,
        hint: hintOn(data.session),
        onLost: options.onLost,
      },
      {
        next: () => this.waiting.shift() ?? null,
        receive: (job, reply) => this.receive(job, reply),
        rejectWaiting: (error) => {
          for (const job of this.waiting.splice(0)) job.reject(error);
        },
      },
    );
  }

  /**
   * Reads and checks the stages, starts the threads and loads the sessions.
   * @throws OfframpError `CONFIG_INVALID`, `BUNDLE_CORRUPT`, `BUNDLE_INVALID`, `INFERENCE_FAILED`
   */
  static async create(bundle: Bundle, options: InferencePoolOptions = {}): Promise<InferencePool> {
    const { stages } = bundle.manifest;
    const firstStage = options.firstStage ?? 0;
    const end = Math.min(stages.length, firstStage + (options.stages ?? stages.length));
    const session = checkSessionOptions(options);
    const models = await readStageModels(bundle, firstStage, end);
    const data = { stages: models, firstStage, session };
    const pool = new InferencePool(bundle, data, options);
    await pool.threads.ready();
    return pool;
  }

  /** Threads that run nothing; 0 once the pool is closed. */
  get idleThreads(): number {
    return this.threads.idleThreads;
  }

  /**
   * Memory for the input of a run, to be filled and handed to {@link run}, which then need not copy it.
   * @returns `batch` × elements of the stage's `inputShape`, with arbitrary content
   */
  inputFor(stage: number, batch: number): Float32Array {
    return this.memory.lend(batch * elementsOf(this.bundle.manifest.stages[stage]?.inputShape ?? []));
  }

  /** @throws OfframpError `TENSOR_INVALID` for a wrong length, `INFERENCE_FAILED`, `STOPPING` */
  async run(
    stage: number,
    input: Float32Array,
    batch: number,
    codes: readonly number[] = [],
  ): Promise<PooledStageOutput> {
    this.check(stage, input, batch);
    if (this.threads.closed) throw this.threads.closed;
    const buffers = this.memory.take(stage, input, batch);
    return new Promise((resolve, reject) => {
      const request: InferenceRequest = { stage, batch, buffers, codes };
      this.waiting.push({ stage, batch, request, transfer: transferOf(buffers), resolve, reject });
      this.threads.dispatch();
    });
  }

  /** Ends the threads. Jobs that have not finished are rejected with `STOPPING`. */
  close(): Promise<void> {
    return this.threads.close();
  }

  private check(stage: number, input: Float32Array, batch: number): void {
    const { firstStage, stages } = this.data;
    const shapes = stages[stage - firstStage];
    if (!shapes) {
      throw new OfframpError(
        'INFERENCE_FAILED',
        `stage: expected one of the loaded ones, ${firstStage} to ${firstStage + stages.length - 1}; found ${stage}`,
      );
    }
    const expected = batch * elementsOf(shapes.inputShape);
    if (input.length !== expected || batch < 1) {
      throw new OfframpError(
        'TENSOR_INVALID',
        `input of stage ${stage}: expected ${expected} elements for a batch of ${batch}, found ${input.length}`,
      );
    }
  }

  private receive({ stage, batch, resolve }: Job, { buffers, computeMs }: InferenceReply): true {
    this.memory.give(buffers.input);
    const { labels, stages } = this.bundle.manifest;
    const elements = batch * elementsOf(stages[stage]?.activationShape ?? []);
    const output = outputViews(buffers, batch, labels.length, elements);
    const release = this.memory.lendOutput(buffers, output);
    resolve({ ...output, computeMs, release });
    return true;
  }
}

/** What to do about sessions that cannot be created. */
function hintOn({ executionProviders }: Required<SessionOptions>): string | undefined {
  const others = executionProviders.filter((name) => name !== 'cpu');
  if (others.length === 0) return undefined;
  return `Are the libraries of ${others.join(', ')} installed for onnxruntime-node? Without them use cpu.`;
}
