import { type Clock, type Logger, messageOf } from '@offramp/runtime';

/** A time in which JetStream stored nothing. */
export interface StorageOutage {
  ms: number;
  /** What the last attempt said. */
  reason: string;
}

export interface StorageWatchOptions {
  clock: Clock;
  logger: Logger;
  /** Failures that last no longer are no outage, in milliseconds. */
  patienceMs: number;
  /** Whether NATS is connected: without it nothing can be said of JetStream. */
  connected(): boolean;
  /** JetStream stores again. */
  onOver(outage: StorageOutage): void;
}

export const storageHint =
  'Look at the log of nats-server and at the free space of its disk. NATS 2.9 has to be restarted after its disk was full: see docs/troubleshooting.md.';

/** Tells from the attempts to store something that JetStream does not, although NATS is connected. */
export class StorageWatch {
  private failing: { sinceMs: number; reason: string; said: boolean } | null = null;

  constructor(private readonly options: StorageWatchOptions) {}

  /** What is wrong, in words; `null`: nothing that has lasted. */
  get problem(): string | null {
    if (!this.failing || this.failingMs <= this.options.patienceMs) return null;
    return `NATS is connected, but JetStream stores nothing, so no controller leads: ${this.failing.reason}`;
  }

  /** @param startedMs when the attempt began */
  failed(startedMs: number, error: unknown): void {
    const { connected, logger } = this.options;
    if (!connected()) return;
    this.failing ??= { sinceMs: startedMs, reason: '', said: false };
    this.failing.reason = messageOf(error);
    const { problem } = this;
    if (problem === null || this.failing.said) return;
    this.failing.said = true;
    logger.error({ reason: problem, hint: storageHint }, 'JetStream does not store');
  }

  stored(): void {
    const { patienceMs, logger, onOver } = this.options;
    const { failing, failingMs: ms } = this;
    this.failing = null;
    if (!failing || ms <= patienceMs) return;
    logger.info({ ms }, 'JetStream stores again');
    onOver({ ms, reason: failing.reason });
  }

  private get failingMs(): number {
    return this.failing ? this.options.clock.now() - this.failing.sinceMs : 0;
  }
}
