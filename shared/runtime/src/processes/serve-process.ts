import { Worker } from 'node:worker_threads';
import { isOfframpError, messageOf } from '../errors/offramp-error.js';
import type { ChildMessage, RemoteError } from './process-messages.js';

/** For a process whose thread may never get to hear that the parent is gone: looks for itself whose child it is. */
const watchParent = `
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || process.kill(process.pid, 'SIGKILL'), 500);
`;

export interface ServeOptions {
  /** Whether `run` may block the thread for good. Default false. */
  blocks?: boolean;
}

/**
 * The child's side of a `ProcessPool`: runs one request at a time. Call it once everything is loaded.
 * @param run what it throws becomes the request's error
 */
export function serveProcess<Request extends object, Reply>(
  run: (request: Request) => Promise<Reply> | Reply,
  { blocks = false }: ServeOptions = {},
): void {
  const send = process.send?.bind(process);
  if (!send) throw new Error('expected to run in a child process with a channel, found none');
  const post = (message: ChildMessage<Reply>) => send(message);
  process.on('message', (request: Request) => {
    Promise.resolve(request)
      .then(run)
      .then(
        (reply) => post({ reply }),
        (error: unknown) => post({ error: remoteError(error) }),
      );
  });
  // The parent is gone. An exit would wait for native code that still runs in the thread pool.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  if (blocks) new Worker(watchParent, { eval: true });
  // Ctrl-C in a terminal and some service managers signal all processes; the parent decides when this one ends.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  post('ready');
}

function remoteError(error: unknown): RemoteError {
  const message = messageOf(error);
  if (!isOfframpError(error)) return { message };
  return { code: error.code, message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
}
