import { type Clock, type Logger, messageOf } from '@offramp/shared';
import type { KV } from 'nats';
import { z } from 'zod';
import { unlessOutrun } from '../compare-and-set.js';
import type { LeaderStatus } from './fleet-control.js';

export interface LeaseOptions {
  open(): Promise<KV>;
  /** Names this controller for people; several may have one name. */
  instance: string;
  /** After which an entry lapses that was not renewed, by the NATS server's clock. */
  ttlMs: number;
  clock: Clock;
  logger: Logger;
  /** This controller leads from now on, or no longer. */
  onChange(leading: boolean): void;
}

const key = 'leader';
/** So many times in a lease's life it is renewed, or asked for. */
const renewals = 3;

const entrySchema = z.object({ instance: z.string(), sinceMs: z.number().nullable() });

/**
 * Which of several controllers leads: who has made the one key of a bucket in which keys lapse. Of time, only the server's
 * and how long this controller has waited by its own clock counts, never what its clock says. A controller that leads knows
 * that it may not any more when it could not renew; one that does not know does no harm either, since what it does is
 * compare and set.
 */
export class Lease {
  private revision = 0;
  /** Of this controller's clock. */
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

  /** Who leads, as far as is known; `null`: nobody. */
  get leader(): LeaderStatus | null {
    const { clock, ttlMs } = this.options;
    return this.seen && clock.now() - this.seen.atMs <= ttlMs + ttlMs / renewals ? this.seen.status : null;
  }

  /** Resolves after the first attempt. */
  start(): Promise<void> {
    this.round = this.attempt();
    return this.round;
  }

  /** Lets go, so that another need not wait. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTimer();
    await this.round;
    if (this.leading) await this.letGo().catch(() => undefined); // It lapses anyway.
    this.revision = 0;
    this.tell();
  }

  private async letGo(): Promise<void> {
    const bucket = await this.options.open();
    await bucket.delete(key, { previousSeq: this.revision });
  }

  private async attempt(): Promise<void> {
    const { clock, logger, ttlMs } = this.options;
    try {
      const bucket = await this.options.open();
      if (this.revision > 0) await this.renew(bucket);
      else await this.acquire(bucket);
    } catch (error) {
      logger[this.wasLeading ? 'warn' : 'debug']({ error: messageOf(error) }, 'cannot ask for the lease');
    }
    this.tell();
    if (this.stopped) return;
    this.cancelTimer = clock.after(ttlMs / renewals, () => {
      this.round = this.attempt();
    });
  }

  private async acquire(bucket: KV): Promise<void> {
    const { clock, instance, ttlMs } = this.options;
    const askedMs = clock.now();
    const made = await unlessOutrun(bucket.create(key, JSON.stringify({ instance, sinceMs: null })));
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
    const revision = await unlessOutrun(bucket.update(key, value, this.revision));
    if (revision === null) {
      this.revision = 0;
      return;
    }
    this.revision = revision;
    this.validUntilMs = askedMs + ttlMs;
    this.seen = { status: { instance, since: new Date(this.sinceMs ?? 0) }, atMs: clock.now() };
  }

  private tell(): void {
    const { leading } = this;
    // Time may have gone by without an answer: what has lapsed is asked for anew.
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
