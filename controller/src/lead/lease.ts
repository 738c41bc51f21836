import { type Clock, type Logger, messageOf } from '@offramp/runtime';
import type { KV } from 'nats';
import { z } from 'zod';
import type { LeaderStatus } from '../decide/model/fleet-control.js';
import { nullOnConflict } from '../store/compare-and-set.js';
import type { StorageWatch } from './storage-watch.js';

export interface LeaseOptions {
  open(): Promise<KV>;
  /** This controller's display name, which need not be unique. */
  instance: string;
  /** Time after which an entry expires without renewal, by the NATS server's clock. */
  ttlMs: number;
  clock: Clock;
  logger: Logger;
  /** Called after each attempt to store the lease. */
  storage: Pick<StorageWatch, 'failed' | 'stored'>;
  /** Called when this controller starts or stops leading. */
  onChange(leading: boolean): void;
}

const key = 'leader';
/** Attempts to renew or acquire per lifetime of the lease. */
const renewals = 3;

const entrySchema = z.object({ instance: z.string(), sinceMs: z.number().nullable() });

/**
 * Leader election: the leader is the controller that created the single key of a bucket whose keys expire. Only the server's
 * time and the durations of this controller's clock count, never its wall time. A leader that could not renew stops leading.
 * One that does not notice does no harm, because all its writes are compare-and-set.
 */
export class Lease {
  private revision = 0;
  /** By this controller's clock. */
  private validUntilMs = Number.NEGATIVE_INFINITY;
  private seen: { status: LeaderStatus; atMs: number } | null = null;
  private sinceMs: number | null = null;
  private wasLeading = false;
  private stopped = false;
  private cancelTimer: () => void = () => undefined;
  private round: Promise<void> = Promise.resolve();

  constructor(private readonly options: LeaseOptions) {}

  get leading(): boolean {
    return this.revision > 0 && this.options.clock.now() < this.validUntilMs;
  }

  /** The known leader; `null`: none. */
  get leader(): LeaderStatus | null {
    const { clock, ttlMs } = this.options;
    return this.seen && clock.now() - this.seen.atMs <= ttlMs + ttlMs / renewals ? this.seen.status : null;
  }

  /** Resolves after the first attempt. */
  start(): Promise<void> {
    this.round = this.attempt();
    return this.round;
  }

  /** Releases the lease, so that another controller need not wait. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTimer();
    await this.round;
    if (this.leading) await this.release().catch(() => undefined); // It expires anyway.
    this.revision = 0;
    this.notify();
  }

  private async release(): Promise<void> {
    const bucket = await this.options.open();
    await bucket.delete(key, { previousSeq: this.revision });
  }

  private async attempt(): Promise<void> {
    const { clock, logger, ttlMs, storage } = this.options;
    const startedMs = clock.now();
    let stored = false;
    try {
      const bucket = await this.options.open();
      if (this.revision > 0) await this.renew(bucket);
      else await this.acquire(bucket);
      stored = true;
    } catch (error) {
      storage.failed(startedMs, error);
      logger[this.wasLeading ? 'warn' : 'debug']({ error: messageOf(error) }, 'cannot acquire the lease');
    }
    this.notify();
    if (stored) storage.stored();
    if (this.stopped) return;
    this.cancelTimer = clock.after(ttlMs / renewals, () => {
      this.round = this.attempt();
    });
  }

  private async acquire(bucket: KV): Promise<void> {
    const { clock, instance, ttlMs } = this.options;
    const askedMs = clock.now();
    const made = await nullOnConflict(bucket.create(key, JSON.stringify({ instance, sinceMs: null })));
    if (made !== null) {
      this.revision = made;
      this.validUntilMs = askedMs + ttlMs;
    }
    const entry = await bucket.get(key);
    if (entry?.operation !== 'PUT') return;
    if (entry.revision === made) this.sinceMs = entry.created.getTime();
    const parsed = entrySchema.safeParse(tryJson(entry.string()));
    const leader = parsed.success ? parsed.data : { instance: '', sinceMs: null };
    const since = new Date(leader.sinceMs ?? entry.created.getTime());
    this.seen = { status: { instance: leader.instance, since }, atMs: clock.now() };
  }

  private async renew(bucket: KV): Promise<void> {
    const { clock, instance, ttlMs } = this.options;
    const askedMs = clock.now();
    const value = JSON.stringify({ instance, sinceMs: this.sinceMs });
    const revision = await nullOnConflict(bucket.update(key, value, this.revision));
    if (revision === null) {
      this.revision = 0;
      return;
    }
    this.revision = revision;
    this.validUntilMs = askedMs + ttlMs;
    this.seen = { status: { instance, since: new Date(this.sinceMs ?? 0) }, atMs: clock.now() };
  }

  private notify(): void {
    const { leading } = this;
    // An expired lease is acquired again.
    if (!leading) this.revision = 0;
    if (leading === this.wasLeading) return;
    this.wasLeading = leading;
    this.options.onChange(leading);
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
