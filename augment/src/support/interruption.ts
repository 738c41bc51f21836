import { OfframpError } from '@offramp/runtime';

/** How {@link throwIfInterrupted} says it. Its cause is the signal's reason. */
export function interrupted(signal: AbortSignal): OfframpError {
  return new OfframpError('INTERRUPTED', 'stopped before the bundle was written', { cause: signal.reason });
}

/** @throws OfframpError `INTERRUPTED` once the signal is given */
export function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw interrupted(signal);
}
