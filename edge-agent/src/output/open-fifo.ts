// biome-ignore lint/style/noRestrictedImports: to write
import { constants, open } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { systemCodeOf } from '@offramp/runtime';

export async function isFifo(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFIFO(),
    () => false,
  );
}

/**
 * Opens a FIFO to write to, without blocking: a blocked write would hold a thread of libuv, and the process could not end.
 * @throws Error of the system, or if no process reads from the FIFO
 */
export async function openFifo(path: string): Promise<Writable> {
  const fd = await promisify(open)(path, constants.O_WRONLY | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      throw systemCodeOf(error) === 'ENXIO' ? new Error('no process reads from this FIFO') : error;
    },
  );
  return new Socket({ fd, readable: false, writable: true });
}
