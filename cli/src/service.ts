/** A program that runs until it is told to stop, or until it has nothing left to do. */
export interface Service {
  /** Settles when the service has ended, by itself or after `stop`; rejects if it failed. */
  readonly done: Promise<void>;
  /** Takes nothing new, finishes what is in flight, and ends. May be called more than once. */
  stop(): Promise<void>;
}

/** How long the process may outlive its service, in milliseconds. */
const lingerMs = 1_000;

/**
 * Runs a service to its end. SIGINT and SIGTERM stop it gracefully; a second one ends the process at once.
 */
export async function runService(service: Service): Promise<void> {
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals++;
    if (signals > 1) process.exit(signal === 'SIGINT' ? 130 : 143);
    service.stop().catch(() => undefined); // What went wrong reaches us through `done`.
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    await service.done;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    // An attempt to connect to where nobody answers cannot be called off, and would hold the process for many seconds.
    setTimeout(() => process.exit(), lingerMs).unref();
  }
}
