import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { systemCodeOf } from '../errors/offramp-error.js';

/** Removes a Unix socket without a listener: a process that was killed leaves it behind. */
export async function removeStaleSocket(path: string): Promise<void> {
  if (await isStale(path)) await unlink(path);
}

async function isStale(path: string): Promise<boolean> {
  const info = await lstat(path).catch(() => null);
  if (!info?.isSocket()) return false;
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error) => resolve(systemCodeOf(error) === 'ECONNREFUSED'));
  });
}
