import { Worker } from 'node:worker_threads';
import { type ErrorCode, isOfframpError, messageOf, OfframpError } from '@offramp/runtime';
import { disableRuntimeTelemetry } from './create-session.js';
import { endMessage, type ThreadReply } from './thread-protocol.js';

/** Work that a thread has at once: what it runs and what it runs next, so that it never waits for the caller's loop. */
export const workPerThread = 2;

/** Something that one thread runs. */
export interface ThreadWork {
  /** The stage that it has reached, for messages. */
  readonly stage: number;
  readonly request: object;
  /** What of the request is moved to the thread instead of copied. */
  readonly transfer: readonly ArrayBuffer[];
  reject(error: OfframpError): void;
}

/** A thread with room for work. */
export interface ThreadRoom {
  /** Whether it runs nothing. */
  readonly idle: boolean;
  /** Threads with the same room that have not been asked yet, this one included. */
  readonly threadsLeft: number;
}

/** What differs between pools: which work comes next, and what a reply means. */
export interface PoolStrategy<Work extends ThreadWork, Reply extends object> {
  /** Takes the next work for a thread from what waits. */
  next(room: ThreadRoom): Work | null;
  /**
   * Takes a reply to the oldest work of a thread.
   * @returns whether the work is done
   */
  receive(work: Work, reply: Reply): boolean;
  /** Rejects all that has not been handed to a thread. Called once the pool is closed or has lost a thread. */
  rejectWaiting(error: OfframpError): void;
}

export interface ThreadPoolOptions {
  /** The module that the threads run; it calls `serveRequests`. */
  module: URL;
  /** What every thread starts with. */
  workerData: unknown;
  threads: number;
  /** What messages of lost threads begin with. */
  subject: string;
  /** What to do about threads that do not start. */
  hint?: string | undefined;
  /** Called once if a thread dies after all have started. From then on all work is rejected. */
  onLost?: ((error: OfframpError) => void) | undefined;
}

interface Thread<Work> {
  readonly worker: Worker;
  /** Resolves when the thread has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Handed over and not done, in order. */
  readonly running: Work[];
}

/**
 * Worker threads that run work in order. Every piece of work ends: with replies, with the thread's error, or with an
 * error of the pool when it is closed or loses a thread.
 */
export class ThreadPool<Work extends ThreadWork, Reply extends object> {
  private readonly threads: readonly Thread<Work>[];
  private started = false;
  private failure: OfframpError | null = null;

  /** Starts the threads; {@link ready} waits for them. */
  constructor(
    private readonly options: ThreadPoolOptions,
    private readonly strategy: PoolStrategy<Work, Reply>,
  ) {
    disableRuntimeTelemetry();
    this.threads = Array.from({ length: options.threads }, () => {
      const worker = new Worker(options.module, { workerData: options.workerData });
      return {
        worker,
        ended: new Promise<void>((resolve) => worker.once('exit', () => resolve())),
        running: [],
      };
    });
  }

  /**
   * Resolves when all threads take work. If one does not start, ends the others.
   * @throws OfframpError `INFERENCE_FAILED`, or what a thread itself refused to start with
   */
  async ready(): Promise<void> {
    try {
      await Promise.all(this.threads.map((thread) => this.listen(thread)));
    } catch (error) {
      await this.close();
      throw error;
    }
    this.started = true;
  }

  /** Why no more work is taken; `null` while it is. */
  get closed(): OfframpError | null {
    return this.failure;
  }

  get idleThreads(): number {
    return this.failure ? 0 : this.threads.filter(({ running }) => running.length === 0).length;
  }

  /** Hands waiting work to the threads that have room. */
  dispatch(): void {
    for (let held = 0; held < workPerThread; held++) {
      const free = this.threads.filter(({ running }) => running.length === held);
      free.forEach((thread, i) => {
        this.fill(thread, { idle: held === 0, threadsLeft: free.length - i });
      });
    }
  }

  /** Sends a signal to every thread, beside the work. */
  signal(name: string): void {
    for (const { worker } of this.threads) worker.postMessage(name);
  }

  /** Ends the threads. Work that is not done is rejected with `STOPPING`. */
  async close(): Promise<void> {
    this.fail(new OfframpError('STOPPING', 'the inference threads are closed'));
    // Each thread ends itself: to terminate one inside ONNX Runtime aborts the whole process.
    this.signal(endMessage);
    await Promise.all(this.threads.map(({ ended }) => ended));
  }

  private listen(thread: Thread<Work>): Promise<void> {
    const { worker } = thread;
    return new Promise((resolve, reject) => {
      worker.on('error', (error) =>
        reject(this.lost(error.message, isOfframpError(error) ? error.code : undefined)),
      );
      worker.on('exit', () => reject(this.lost('an inference thread ended')));
      worker.on('message', (reply: ThreadReply<Reply>) => {
        if (reply === 'ready') resolve();
        else this.receive(thread, reply);
      });
    });
  }

  /** Gives a thread its next work. Work that cannot be sent is rejected, and the one after it is taken. */
  private fill(thread: Thread<Work>, room: ThreadRoom): void {
    for (let work = this.strategy.next(room); work; work = this.strategy.next(room)) {
      try {
        thread.worker.postMessage(work.request, work.transfer);
        thread.running.push(work);
        return;
      } catch (cause) {
        const message = `cannot hand over the input: ${messageOf(cause)}`;
        work.reject(new OfframpError('INFERENCE_FAILED', message, { cause }));
      }
    }
  }

  private receive({ running }: Thread<Work>, reply: Exclude<ThreadReply<Reply>, 'ready'>): void {
    const work = running[0];
    if (!work) return;
    if ('error' in reply) {
      work.reject(new OfframpError('INFERENCE_FAILED', `stage ${work.stage}: ${reply.error}`));
    } else if (!this.strategy.receive(work, reply)) return;
    running.shift();
    this.dispatch();
  }

  private lost(problem: string, code: ErrorCode = 'INFERENCE_FAILED'): OfframpError {
    const { subject, hint, onLost } = this.options;
    const error = new OfframpError(
      code,
      `${subject}: ${problem}`,
      hint === undefined || code !== 'INFERENCE_FAILED' ? {} : { hint },
    );
    const isNews = this.failure === null && this.started;
    this.fail(error);
    if (isNews) onLost?.(error);
    return error;
  }

  private fail(error: OfframpError): void {
    this.failure ??= error;
    for (const { running } of this.threads) for (const work of running.splice(0)) work.reject(error);
    this.strategy.rejectWaiting(error);
  }
}
