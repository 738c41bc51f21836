/** A program that runs until it is stopped or has nothing left to do. */
export interface Service {
  /** Settles when the service has ended, by itself or after `stop`; rejects if it failed. */
  readonly done: Promise<void>;
  /** Accepts no new work, finishes work in progress, and ends. May be called more than once. */
  stop(): Promise<void>;
}

/** Time for which the process may continue after its service has ended, in milliseconds. */
const lingerMs = 1_000;

/**
 * Starts a service and runs it to its end. SIGINT and SIGTERM stop it gracefully, those during the start as soon as it has
 * started; a second one ends the process at once. Signals are handled before anything is started or announced, because a
 * supervisor may send one as soon as it reads that the service is ready.
 * @param announce called once the service has started
 */
export async function runService<S extends Service>(
  start: () => S | Promise<S>,
  announce: (service: S) => void = () => undefined,
): Promise<void> {
  let signals = 0;
  let service: S | null = null;
  const stop = () => service?.stop().catch(() => undefined); // `done` rejects with the error.
  const onSignal = (signal: NodeJS.Signals) => {
    signals++;
    if (signals > 1) process.exit(signal === 'SIGINT' ? 130 : 143);
    stop();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    service = await start();
    announce(service);
    if (signals > 0) stop();
    await service.done;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    // A connection attempt without answer cannot be cancelled, and would keep the process alive for many seconds. A failed
    // start leaves the end of the process to its caller.
    if (service) setTimeout(() => process.exit(), lingerMs).unref();
  }
}
