import { parentPort } from 'node:worker_threads';
import { messageOf } from '@offramp/runtime/errors';
import { endMessage, type ThreadReply } from './thread-protocol.js';

/** What a request that runs sees of its thread. */
export interface ServingThread<Reply extends object> {
  reply(message: Reply, transfer: readonly ArrayBuffer[]): void;
  /** Whether the pool has closed, so that replies are not read. */
  readonly ending: boolean;
}

/**
 * The thread's side of a pool: runs requests one after the other, in order. Call it once everything is loaded.
 * @param run replies at least once; what it throws becomes an error of the request
 * @param onSignal called at once, also while a request runs
 */
export function serveRequests<Request extends object, Reply extends object>(
  run: (request: Request, thread: ServingThread<Reply>) => Promise<void>,
  onSignal: (name: string) => void = () => undefined,
): void {
  const port = parentPort;
  if (!port) throw new Error('expected to run in a worker thread, found the main thread');
  const waiting: Request[] = [];
  let running = false;
  const post = (message: ThreadReply<Reply>, transfer: readonly ArrayBuffer[] = []) =>
    port.postMessage(message, transfer);
  const thread = { reply: post, ending: false };
  const runAll = async () => {
    running = true;
    for (let request = waiting.shift(); request && !thread.ending; request = waiting.shift()) {
      try {
        await run(request, thread);
      } catch (error) {
        post({ error: messageOf(error) });
      }
    }
    running = false;
  };
  port.on('message', (message: Request | string) => {
    if (message === endMessage) {
      thread.ending = true;
      port.close();
    } else if (typeof message === 'string') {
      onSignal(message);
    } else {
      waiting.push(message);
      if (!running) void runAll();
    }
  });
  post('ready');
}
