import { type BusAccess, BusLink, v1, workerSubject } from '@offramp/contracts';
import { type Clock, type Logger, messageOf, offrampVersion } from '@offramp/runtime';
import type { NatsConnection } from 'nats';
import type { WindowLoad } from './load-window.js';

export interface WorkerReporterOptions {
  bus: BusAccess;
  worker: string;
  bootId: string;
  threads: number;
  maxQueue: number;
}

/**
 * Reports the worker's load to controllers. Reports are not stored: while NATS is away none is sent, and the rest of the
 * worker is not affected.
 */
export class WorkerReporter {
  private readonly bus: BusLink;
  private readonly subject: string;
  private connection: NatsConnection | null = null;
  private sequence = 0;

  /** @throws OfframpError `CONFIG_INVALID` for an invalid name */
  constructor(
    private readonly options: WorkerReporterOptions,
    clock: Clock,
    random: () => number,
    private readonly logger: Logger,
  ) {
    const { bus, worker } = options;
    this.subject = workerSubject(worker);
    this.bus = new BusLink(
      { access: bus, party: { role: 'worker', name: worker }, name: `offramp-worker ${worker}` },
      clock,
      random,
      logger,
    );
    this.bus.listen({
      onUp: (connection) => {
        this.connection = connection;
      },
      onDown: () => {
        this.connection = null;
      },
    });
    void this.bus.start();
  }

  get connected(): boolean {
    return this.connection !== null;
  }

  report(load: WindowLoad): void {
    const { worker, bootId, threads, maxQueue } = this.options;
    this.sequence++;
    const report = { worker, bootId, threads, maxQueue, sequence: this.sequence, version: offrampVersion };
    try {
      this.connection?.publish(this.subject, v1.WorkerReport.encode({ ...report, ...load }).finish());
    } catch (error) {
      this.logger.debug({ reason: messageOf(error) }, 'a report could not be published');
    }
  }

  /** Stops reporting. */
  async stop(): Promise<void> {
    await this.bus.close();
  }
}
