import type { Manifest } from '@offramp/bundle';
import { type BusListener, type DeviceStateInit, telemetrySubject, v1 } from '@offramp/contracts';
import {
  Backoff,
  type Clock,
  type Logger,
  LogOnce,
  messageOf,
  systemCodeOf,
  Waiters,
} from '@offramp/runtime';
import type { NatsConnection } from 'nats';
import type { SampleResult } from '../answer.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { EvidenceByPolicy } from './evidence-by-policy.js';
import { ReportBacklog, type ReportIdentity } from './report-backlog.js';
import { WindowCounts } from './window-counts.js';

export interface ReporterOptions extends ReportIdentity {
  intervalMs: number;
  maxBacklog: number;
}

const firstRetryMs = 250;
const maxRetryMs = 5_000;
const publishTimeoutMs = 3_000;

/** Counts answers per window, and publishes each window to JetStream until it is acknowledged. */
export class TelemetryReporter implements BusListener {
  private window: WindowCounts;
  private evidence: EvidenceByPolicy;
  private windowStart: number;
  private readonly backlog: ReportBacklog;
  private readonly backoff: Backoff;
  private connection: NatsConnection | null = null;
  private publishing = false;
  private readonly problems: LogOnce;
  private cancelInterval: () => void = () => undefined;
  private cancelRetry: () => void = () => undefined;
  private readonly emptyWaiters = new Waiters();

  /** @param stateNow the device's state, called at the end of each window */
  constructor(
    private readonly options: ReporterOptions,
    private readonly manifest: Manifest,
    private readonly stateNow: () => DeviceStateInit,
    private readonly clock: Clock,
    random: () => number,
    logger: Logger,
  ) {
    const { device, group, bootId } = options;
    this.backlog = new ReportBacklog({ device, group, bootId }, options.maxBacklog);
    this.problems = new LogOnce(logger);
    this.backoff = new Backoff(firstRetryMs, maxRetryMs, random);
    this.window = new WindowCounts(manifest);
    this.evidence = new EvidenceByPolicy(manifest.stages.length - 1);
    this.windowStart = clock.now();
  }

  /** Number of reports that are not acknowledged yet. */
  get pending(): number {
    return this.backlog.size;
  }

  countResult(result: SampleResult): void {
    this.window.countResult(result);
    if (result.kind === 'answered') this.evidence.countAnswer(result);
  }

  countAudit(event: AuditEvent): void {
    this.window.countAudit(event);
    this.evidence.countAudit(event);
  }

  countRefused(): void {
    this.window.countRefused();
  }

  /** Ends the window, even an empty one, and starts the next. */
  endWindow(): void {
    const now = this.clock.now();
    this.backlog.add({
      counts: this.window,
      evidence: this.evidence,
      windowMs: now - this.windowStart,
      state: this.stateNow(),
    });
    this.window = new WindowCounts(this.manifest);
    this.evidence = new EvidenceByPolicy(this.manifest.stages.length - 1);
    this.windowStart = now;
    this.cancelInterval();
    this.cancelInterval = this.clock.after(this.options.intervalMs, () => this.endWindow());
    void this.publish();
  }

  onUp(connection: NatsConnection): void {
    this.connection = connection;
    this.backoff.reset();
    void this.publish();
  }

  onDown(): void {
    this.connection = null;
    this.cancelRetry();
  }

  /** Settles when every report has been acknowledged. */
  flushed(): Promise<void> {
    if (this.backlog.size === 0) return Promise.resolve();
    return this.emptyWaiters.wait();
  }

  /** Ends no further windows, and publishes no further reports. */
  stop(): void {
    this.cancelInterval();
    this.onDown();
  }

  /** Publishes one report at a time, so that they arrive in the order of their numbers. */
  private async publish(): Promise<void> {
    if (this.publishing) return;
    this.publishing = true;
    this.cancelRetry();
    const subject = telemetrySubject(this.options.group, this.options.device);
    try {
      while (this.connection) {
        const report = this.backlog.next();
        if (!report) break;
        await this.connection.jetstream().publish(subject, v1.TelemetryReport.encode(report).finish(), {
          msgID: `${report.bootId}:${report.sequence}`,
          timeout: publishTimeoutMs,
        });
        this.backlog.acknowledge();
        this.backoff.reset();
        this.problems.clear();
      }
    } catch (error) {
      this.problems.log(
        'warn',
        'unacknowledged',
        { reason: reasonOf(error), backlog: this.backlog.size },
        'telemetry is not acknowledged; keeping and repeating it',
      );
      if (this.connection)
        this.cancelRetry = this.clock.after(this.backoff.next(), () => void this.publish());
    } finally {
      this.publishing = false;
    }
    if (this.backlog.size === 0) this.emptyWaiters.wake();
  }
}

function reasonOf(error: unknown): string {
  return systemCodeOf(error) === '503' ? 'no stream stores it; is a controller running?' : messageOf(error);
}
