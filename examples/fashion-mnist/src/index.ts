import { parseArgs } from 'node:util';
import { reportError } from '@offramp/cli';
import { messageOf, OfframpError } from '@offramp/shared';
import { runDemo } from './demo.js';
import { isWhole } from './summary.js';

export * from './demo.js';
export * from './summary.js';

const usage = `usage: npm run demo [-- --keep]

  --keep   leave the fleet running, its pictures in a loop, until Ctrl-C
`;

/** SIGHUP: the terminal was closed. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `npm run demo`: sets the exit status; 130 after Ctrl-C. */
export async function main(argv: readonly string[]): Promise<void> {
  const abort = new AbortController();
  let interrupts = 0;
  const interrupt = () => {
    interrupts++;
    if (interrupts > 1) process.exit(130);
    abort.abort();
  };
  for (const signal of stopSignals) process.on(signal, interrupt);
  try {
    const { keep, help } = parse(argv);
    if (help) {
      process.stdout.write(usage);
      return;
    }
    const summary = await runDemo({ keep, signal: abort.signal });
    process.exitCode = summary === null ? 130 : isWhole(summary) ? 0 : 1;
  } catch (error) {
    process.exitCode = reportError(error);
  } finally {
    for (const signal of stopSignals) process.off(signal, interrupt);
  }
}

function parse(argv: readonly string[]): { keep: boolean; help: boolean } {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch (cause) {
    throw new OfframpError('USAGE', messageOf(cause), { hint: usage.trim(), cause });
  }
}
