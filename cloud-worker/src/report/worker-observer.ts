import { randomUUID } from 'node:crypto';
import type { BusAccess } from '@offramp/contracts';
import type { Clock, Logger } from '@offramp/runtime';
import type { MetricsServer } from '@offramp/runtime/metrics';
import type { WorkerConfig } from '../config.js';
import { LoadMeter } from './load-meter.js';
import { WorkerReporter } from './worker-reporter.js';
import type { WorkerStats } from './worker-stats.js';

export interface ObservedWorker {
  name: string;
  threads: number;
  stats: WorkerStats;
  /** `null`: it does not report to controllers. */
  bus: BusAccess | null;
  /** In milliseconds since 1970; `null` without TLS. */
  certificateExpiresMs(): number | null;
}

/** Reports a worker to controllers and Prometheus, if configured. */
export class WorkerObserver {
  private meter: LoadMeter | null = null;
  private reporter: WorkerReporter | null = null;
  private server: MetricsServer | null = null;

  private constructor(
    private readonly config: WorkerConfig,
    private readonly worker: ObservedWorker,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * Starts the metrics endpoint. Reports start with {@link begin}.
   * @throws OfframpError `CONFIG_INVALID`, `PORT_IN_USE`, `LISTEN_FAILED`
   */
  static async create(
    config: WorkerConfig,
    worker: ObservedWorker,
    clock: Clock,
    logger: Logger,
  ): Promise<WorkerObserver> {
    const observer = new WorkerObserver(config, worker, clock, logger);
    if (config.metricsListen !== undefined) await observer.listen(config.metricsListen);
    return observer;
  }

  get metricsAddress(): string | null {
    return this.server?.address ?? null;
  }

  /** The worker serves from now on. */
  begin(): void {
    const { config, worker, clock, logger } = this;
    const { maxQueue, reportIntervalMs: intervalMs } = config;
    const { name, threads, stats, bus } = worker;
    if (bus) {
      const identity = { worker: name, bootId: randomUUID() };
      this.reporter = new WorkerReporter({ ...identity, bus, threads, maxQueue }, clock, Math.random, logger);
    } else if (!this.server) return;
    this.meter = new LoadMeter({ threads, intervalMs }, stats, clock, (load) => this.reporter?.report(load));
  }

  async stop(): Promise<void> {
    this.meter?.stop();
    await Promise.all([this.reporter?.stop(), this.server?.close()]);
  }

  private async listen(address: string): Promise<void> {
    // Loaded only if configured, because loading takes a good part of the start.
    const { startMetricsServer } = await import('@offramp/runtime/metrics');
    const { WorkerMetrics } = await import('../metrics/worker-metrics.js');
    const { threads, stats, certificateExpiresMs } = this.worker;
    const metrics = new WorkerMetrics({
      ...{ stats, threads, maxQueue: this.config.maxQueue, certificateExpiresMs },
      load: () => this.meter?.latest ?? null,
      connected: () => this.reporter?.connected ?? null,
    });
    this.server = await startMetricsServer(address, metrics, this.logger);
  }
}
