import {
  BusLink,
  type Clock,
  type Logger,
  messageOf,
  offrampVersion,
  v1,
  workerSubject,
} from '@offramp/shared';
import type { NatsConnection } from 'nats';
import type { WorkerStats } from '../worker-stats.js';
import { LoadWindows } from './load-window.js';

export interface WorkerReporterOptions {
  /** NATS servers, separated by commas. */
  nats: string;
  worker: string;
  bootId: string;
  threads: number;
  maxQueue: number;
  intervalMs: number;
}

/**
 * Tells controllers how busy the worker is. Nobody keeps what it says: while NATS is away, nothing is said, and nothing
 * else of the worker waits or fails.
 */
export class WorkerReporter {
  private readonly bus: BusLink;
  private readonly subject: string;
  private readonly windows: LoadWindows;
  private connection: NatsConnection | null = null;
  private sequence = 0;
  private cancel: () => void;

  /** @throws OfframpError `CONFIG_INVALID` for a name that is none */
  constructor(
    private readonly options: WorkerReporterOptions,
    private readonly stats: WorkerStats,
    private readonly clock: Clock,
    random: () => number,
    private readonly logger: Logger,
  ) {
    const { nats, worker, threads, intervalMs } = options;
    this.subject = workerSubject(worker);
    this.bus = new BusLink({ url: nats, name: `offramp-worker ${worker}` }, clock, random, logger);
    this.bus.listen({
      onUp: (connection) => {
        this.connection = connection;
      },
      onDown: () => {
        this.connection = null;
      },
    });
    this.windows = new LoadWindows(threads, stats, clock.now());
    this.cancel = clock.after(intervalMs, () => this.report());
    void this.bus.start();
  }

  /** Says nothing more. */
  async stop(): Promise<void> {
    this.cancel();
    await this.bus.close();
  }

  private report(): void {
    const { worker, bootId, threads, maxQueue, intervalMs } = this.options;
    const load = this.windows.next(this.stats, this.clock.now());
    this.cancel = this.clock.after(intervalMs, () => this.report());
    this.sequence++;
    const report = { worker, bootId, threads, maxQueue, sequence: this.sequence, version: offrampVersion };
    try {
      this.connection?.publish(this.subject, v1.WorkerReport.encode({ ...report, ...load }).finish());
    } catch (error) {
      this.logger.debug({ reason: messageOf(error) }, 'a report could not be published');
    }
  }
}
