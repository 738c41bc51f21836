import { describeError, isOfframpError, messageOf, redactUrls } from '@offramp/runtime';
import { isEndingSignal, signalStatus } from './interruptible.js';

/**
 * Prints code, message and hint of an error, and the stack of defects.
 * @returns the exit status
 */
export function reportError(error: unknown, out: NodeJS.WritableStream = process.stderr): number {
  if (isOfframpError(error)) {
    out.write(`error [${error.code}]: ${error.message}\n`);
    if (error.hint) out.write(`  ${error.hint}\n`);
    if (error.code === 'INTERRUPTED' && isEndingSignal(error.cause)) return signalStatus[error.cause];
    return describeError(error.code).exitStatus;
  }
  out.write(
    `error [INTERNAL]: ${redactUrls(messageOf(error))}\n  This is a defect in Offramp; please report it with the trace below.\n`,
  );
  out.write(`${redactUrls((error instanceof Error && error.stack) || String(error))}\n`);
  return describeError('INTERNAL').exitStatus;
}
