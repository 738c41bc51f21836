import { Backoff, type BusListener, type Clock, type Logger, messageOf, policyBucket } from '@offramp/shared';
import type { KvEntry, NatsConnection, QueuedIterator } from 'nats';

export interface PolicyWatcherOptions {
  group: string;
  /**
   * How long one watch is trusted. NATS resumes a watch at a sequence number, which a bucket that was made
   * again, or restored, in the meantime may not reach for long; a new watch reads the newest entry anew.
   */
  refreshMs: number;
}

const firstRetryMs = 200;
const maxRetryMs = 5_000;

/**
 * Follows a group's key in the bucket of policies: its newest entry at first and after every break, and
 * each new entry from there on. Goes on trying while there is no bucket, no JetStream or no NATS.
 */
export class PolicyWatcher implements BusListener {
  private connection: NatsConnection | null = null;
  /** Counted up with each watch, so that what remains of an old one can be told. */
  private generation = 0;
  private watch: QueuedIterator<KvEntry> | null = null;
  private cancelTimer: () => void = () => undefined;
  private readonly backoff: Backoff;
  private missed = false;
  private read = false;
  private readonly readWaiters: (() => void)[] = [];

  /** @param onPolicy gets a `Policy` as bytes */
  constructor(
    private readonly options: PolicyWatcherOptions,
    private readonly clock: Clock,
    random: () => number,
    private readonly logger: Logger,
    private readonly onPolicy: (bytes: Uint8Array) => void,
  ) {
    this.backoff = new Backoff(firstRetryMs, maxRetryMs, random);
  }

  onUp(connection: NatsConnection): void {
    this.connection = connection;
    this.backoff.reset();
    void this.restart();
  }

  onDown(): void {
    this.stop();
  }

  /** Settles when the newest policy has been read for the first time, or could not be. */
  firstRead(): Promise<void> {
    if (this.read) return Promise.resolve();
    return new Promise((resolve) => this.readWaiters.push(resolve));
  }

  stop(): void {
    this.generation++;
    this.cancelTimer();
    this.watch?.stop();
    this.watch = null;
  }

  private async restart(): Promise<void> {
    this.stop();
    const { connection, generation } = this;
    if (!connection) return;
    try {
      const bucket = await connection.jetstream().views.kv(policyBucket, { bindOnly: true });
      const watch = await bucket.watch({
        key: this.options.group,
        initializedFn: () => this.noteRead(),
      });
      if (generation !== this.generation) {
        watch.stop();
        return;
      }
      this.watch = watch;
      this.backoff.reset();
      this.missed = false;
      this.cancelTimer = this.clock.after(this.options.refreshMs, () => void this.restart());
      for await (const entry of watch) {
        if (generation !== this.generation) return;
        if (entry.operation === 'PUT') this.onPolicy(entry.value);
      }
      if (generation === this.generation) throw new Error('the watch has ended');
    } catch (error) {
      if (generation !== this.generation) return;
      this.logger[this.missed ? 'debug' : 'warn'](
        { reason: reasonOf(error) },
        'cannot read policies; keeping the last one, and trying again',
      );
      this.missed = true;
      this.noteRead();
      this.cancelTimer();
      this.cancelTimer = this.clock.after(this.backoff.next(), () => void this.restart());
    }
  }

  private noteRead(): void {
    this.read = true;
    for (const resolve of this.readWaiters.splice(0)) resolve();
  }
}

function reasonOf(error: unknown): string {
  const message = messageOf(error);
  return message === 'stream not found' ? `no bucket ${policyBucket}; is a controller running?` : message;
}
