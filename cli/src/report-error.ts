import { isOfframpError, messageOf } from '@offramp/shared';
import { isEndingSignal, signalStatus } from './interruptible.js';

/**
 * Tells a person what went wrong: code, message, hint; the stack only for errors that are our own fault.
 * @returns the exit status
 */
export function reportError(error: unknown, out: NodeJS.WritableStream = process.stderr): number {
  if (isOfframpError(error)) {
    out.write(`error [${error.code}]: ${error.message}\n`);
    if (error.hint) out.write(`  ${error.hint}\n`);
    if (error.code === 'INTERRUPTED')
      return signalStatus[isEndingSignal(error.cause) ? error.cause : 'SIGINT'];
    return error.code === 'USAGE' || error.code === 'CONFIG_INVALID' ? 2 : 1;
  }
  out.write(
    `error [INTERNAL]: ${messageOf(error)}\n  This is a defect in Offramp; please report it with the trace below.\n`,
  );
  out.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}
