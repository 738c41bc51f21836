import { reportError } from '@offramp/cli';
import { runDemo } from './demo.js';
import { keepsPromises } from './summary.js';

export { runDemo };

/** SIGHUP: the terminal was closed. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `npm run demo`: sets the exit status; 130 if Ctrl-C came before the summary. */
export async function main(options: { keep: boolean }): Promise<void> {
  const abort = new AbortController();
  let interrupts = 0;
  const interrupt = () => {
    interrupts++;
    if (interrupts > 1) process.exit(130);
    abort.abort();
  };
  for (const signal of stopSignals) process.on(signal, interrupt);
  // The terminal or the reader of the pipe is gone.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => abort.abort());
  try {
    const summary = await runDemo({ ...options, signal: abort.signal });
    process.exitCode = summary === null ? 130 : keepsPromises(summary) ? 0 : 1;
  } catch (error) {
    process.exitCode = reportError(error);
  } finally {
    for (const signal of stopSignals) process.off(signal, interrupt);
  }
}
