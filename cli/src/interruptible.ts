/** Exit statuses by signal, as in shells: 128 + its number. */
export const signalStatus = { SIGINT: 130, SIGTERM: 143 } as const;
export type EndingSignal = keyof typeof signalStatus;

export function isEndingSignal(reason: unknown): reason is EndingSignal {
  return typeof reason === 'string' && Object.hasOwn(signalStatus, reason);
}

/**
 * Runs a job that SIGINT and SIGTERM end. The first one aborts the job's signal, with the signal's name as reason, so that
 * the job can end properly. A second one ends the process at once.
 * @param onInterrupt called for the first one
 */
export async function interruptible<T>(
  job: (signal: AbortSignal) => Promise<T>,
  onInterrupt: (signal: EndingSignal) => void,
): Promise<T> {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (!isEndingSignal(signal)) return;
    if (controller.signal.aborted) process.exit(signalStatus[signal]);
    controller.abort(signal);
    onInterrupt(signal);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await job(controller.signal);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
