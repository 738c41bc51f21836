import { type BusListener, policySubject } from '@offramp/contracts';
import { Backoff, type Clock, type Logger, messageOf, Waiters } from '@offramp/runtime';
import type { Msg, NatsConnection, NatsError, Subscription } from 'nats';
import { EntryOrder } from './entry-order.js';
import { heardPolicyEntry, type PolicyEntry, readPolicyEntry } from './policy-entry.js';

export interface PolicyWatcherOptions {
  group: string;
  /** How long at most after which the bucket is read again: what is lost between server and device is found then. */
  refreshMs: number;
}

const firstRetryMs = 200;
const maxRetryMs = 5_000;
/** Reads that all devices would make at once, as when NATS is back, are spread over so long. */
const spreadMs = 2_000;
/** By how much of itself a refresh comes early at most, so that devices which were in step do not stay so. */
const refreshJitter = 0.25;

/**
 * Follows a group's key in the bucket of policies: hears what the bucket's stream publishes again once it is stored, and reads
 * the newest entry at first, after every break, and now and then. A subscription costs the server next to nothing, a watch of
 * the bucket is a consumer. Goes on trying while there is no bucket, no JetStream or no NATS.
 */
export class PolicyWatcher implements BusListener {
  private connection: NatsConnection | null = null;
  /** Counted up with each subscription, so that what remains of an old one can be told. */
  private generation = 0;
  private subscription: Subscription | null = null;
  private cancelTimer: () => void = () => undefined;
  private readonly order = new EntryOrder();
  private readonly backoff: Backoff;
  /** Neither reading nor about to. */
  private resting = false;
  private missed = false;
  private read = false;
  private readonly readWaiters = new Waiters();

  /** @param onPolicy gets a `Policy` as bytes; one that it had before may come again */
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

  /** Settles when the newest policy has been read for the first time, or could not be. */
  firstRead(): Promise<void> {
    if (this.read) return Promise.resolve();
    return this.readWaiters.wait();
  }

  stop(): void {
    this.generation++;
    this.resting = false;
    this.cancelTimer();
    this.subscription?.unsubscribe();
    this.subscription = null;
  }

  /** Subscribes first and reads then, so that nothing is stored unseen in between. */
  private async follow(readInMs: number): Promise<void> {
    this.stop();
    const { connection, generation } = this;
    if (!connection) return;
    try {
      this.subscription = connection.subscribe(policySubject(this.options.group), {
        callback: (error, message) => {
          if (generation === this.generation) this.hear(error, message);
        },
      });
      // A server that refuses the subscription says so before it answers this.
      await connection.flush();
      if (generation !== this.generation) return;
      if (readInMs === 0) await this.readNewest(connection);
      else this.cancelTimer = this.clock.after(readInMs, () => void this.readNewest(connection));
    } catch (error) {
      if (generation === this.generation) this.fail(error);
    }
  }

  private hear(error: NatsError | null, message: Msg): void {
    if (error) {
      this.fail(error);
      return;
    }
    const entry = heardPolicyEntry(message);
    const standing = this.order.heard(entry.sequence);
    if (standing === 'newer') this.offer(entry);
    else if (standing === 'older' && this.resting) void this.follow(this.random() * spreadMs);
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
      this.resting = true;
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
      'cannot read policies; keeping the last one, and trying again',
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
