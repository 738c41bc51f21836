import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Makes a FIFO, which blocks a process that opens it until another one writes to it. */
export async function makeFifo(path: string): Promise<string> {
  await promisify(execFile)('mkfifo', [path]);
  return path;
}
