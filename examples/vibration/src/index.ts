import { reportError } from '@offramp/cli';
import { runDemo } from './demo.js';

export { runDemo };

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `npm run vibration`: sets the exit status; 130 if it was interrupted. */
export async function main(): Promise<void> {
  // An exit kills the programs that were started.
  const interrupt = () => process.exit(130);
  for (const signal of stopSignals) process.on(signal, interrupt);
  const write = (text: string) => process.stdout.write(text);
  try {
    await runDemo({ trainingWindows: 4_000, windows: 400, write });
  } catch (error) {
    process.exitCode = reportError(error);
  } finally {
    for (const signal of stopSignals) process.off(signal, interrupt);
  }
}
