import { Worker } from 'node:worker_threads';

/** A worker thread that runs stages for a pool. */
export interface PoolThread {
  readonly worker: Worker;
  /** Resolves when it is gone, for whatever reason. */
  readonly ended: Promise<void>;
}

export interface PoolThreadListener<Reply> {
  onReply(reply: Reply): void;
  /** It has failed or ended, asked or not; may be told more than once. */
  onLost(problem: string): Error;
}

/** Starts a thread; see {@link listenToThread}. */
export function startThread(module: URL, workerData: unknown): PoolThread {
  const worker = new Worker(module, { workerData });
  return { worker, ended: new Promise((resolve) => worker.once('exit', () => resolve())) };
}

/** Resolves when the thread has said `ready`; rejects with what `onLost` makes of it if it is lost before. */
export function listenToThread<Reply>(
  { worker }: PoolThread,
  { onReply, onLost }: PoolThreadListener<Reply>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on('error', (error) => reject(onLost(error.message)));
    worker.on('exit', () => reject(onLost('an inference thread ended')));
    worker.on('message', (reply: Reply | 'ready') => {
      if (reply === 'ready') resolve();
      else onReply(reply);
    });
  });
}
