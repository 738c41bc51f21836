import { type BusListener, policySubject } from '@offramp/contracts';
import { Backoff, type Clock, type Logger, messageOf, Waiters } from '@offramp/runtime';
import type { Msg, NatsConnection, NatsError, Subscription } from 'nats';
import { EntryOrder } from './entry-order.js';
import { type PolicyEntry, publishedPolicyEntry, readPolicyEntry } from './policy-entry.js';

export interface PolicyWatcherOptions {
  group: string;
  /** Longest time until the bucket is read again, in case a message was lost. */
  refreshMs: number;
}

const firstRetryMs = 200;
const maxRetryMs = 5_000;
/** Time over which devices spread reads that they would otherwise make at once, as when NATS is back. */
const spreadMs = 2_000;
/** Share by which a refresh may come early, so that devices do not stay in step. */
const refreshJitter = 0.25;

/**
 * Follows a group's key in the bucket of policies. It subscribes to what the bucket's stream republishes, and reads the
 * newest entry at first, after every disconnection, and periodically. A subscription costs the server almost nothing; a watch
 * of the bucket would be a consumer. It retries while there is no bucket, no JetStream or no NATS.
 */
export class PolicyWatcher implements BusListener {
  private connection: NatsConnection | null = null;
  /** Incremented with each subscription, so that callbacks of earlier ones are ignored. */
  private generation = 0;
  private subscription: Subscription | null = null;
  private cancelTimer: () => void = () => undefined;
  private readonly order = new EntryOrder();
  private readonly backoff: Backoff;
  /** Whether no read is in progress or due soon. */
  private idle = false;
  private missed = false;
  private read = false;
  private readonly readWaiters = new Waiters();

  /** @param onPolicy gets a `Policy` as bytes, possibly the same one again */
  constructor(
    private readonly options: PolicyWatcherOptions,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly logger: Logger,
    private readonly onPolicy: (bytes: Uint8Array) => void,
  ) {
    this.backoff = new Backoff(firstRetryMs, maxRetryMs, random);
  }

  onUp(connection: NatsConnection): void {
    const again = this.connection !== null;
    this.connection = connection;
    this.backoff.reset();
    void this.follow(again ? this.random() * spreadMs : 0);
  }

  onDown(): void {
    this.stop();
  }

  /** Settles when the first read has succeeded or failed. */
  firstRead(): Promise<void> {
    if (this.read) return Promise.resolve();
    return this.readWaiters.wait();
  }

  stop(): void {
    this.generation++;
    this.idle = false;
    this.cancelTimer();
    this.subscription?.unsubscribe();
    this.subscription = null;
  }

  /** Subscribes before it reads, so that no entry is missed in between. */
  private async follow(readInMs: number): Promise<void> {
    this.stop();
    const { connection, generation } = this;
    if (!connection) return;
    try {
      this.subscription = connection.subscribe(policySubject(this.options.group), {
        callback: (error, message) => {
          if (generation === this.generation) this.takePublished(error, message);
        },
      });
      // If the server refuses the subscription, the error arrives before this resolves.
      await connection.flush();
      if (generation !== this.generation) return;
      if (readInMs === 0) await this.readNewest(connection);
      else this.cancelTimer = this.clock.after(readInMs, () => void this.readNewest(connection));
    } catch (error) {
      if (generation === this.generation) this.fail(error);
    }
  }

  private takePublished(error: NatsError | null, message: Msg): void {
    if (error) {
      this.fail(error);
      return;
    }
    const entry = publishedPolicyEntry(message);
    const standing = this.order.notePublished(entry.sequence);
    if (standing === 'newer') this.offer(entry);
    else if (standing === 'older' && this.idle) void this.follow(this.random() * spreadMs);
  }

  private async readNewest(connection: NatsConnection): Promise<void> {
    const { generation } = this;
    this.order.beginRead();
    try {
      const entry = await readPolicyEntry(connection, this.options.group);
      if (generation !== this.generation) return;
      const { applies, again } = this.order.endRead(entry.sequence);
      if (applies) this.offer(entry);
      this.backoff.reset();
      this.missed = false;
      this.noteRead();
      if (again) {
        void this.follow(this.random() * spreadMs);
        return;
      }
      this.idle = true;
      const refreshInMs = this.options.refreshMs * (1 - refreshJitter * this.random());
      this.cancelTimer = this.clock.after(refreshInMs, () => void this.follow(0));
    } catch (error) {
      if (generation === this.generation) this.fail(error);
    }
  }

  private fail(error: unknown): void {
    this.stop();
    this.logger[this.missed ? 'debug' : 'warn'](
      { reason: messageOf(error) },
      'cannot read policies; keeping the last one and retrying',
    );
    this.missed = true;
    this.noteRead();
    this.cancelTimer = this.clock.after(this.backoff.next(), () => void this.follow(0));
  }

  private offer({ policy }: PolicyEntry): void {
    if (policy) this.onPolicy(policy);
  }

  private noteRead(): void {
    this.read = true;
    this.readWaiters.wake();
  }
}
