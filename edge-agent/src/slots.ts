import { Waiters } from '@offramp/runtime';

/** A place in the agent. Calling `release` again has no effect. */
export interface Slot {
  release(): void;
}

/** The two users of places: the source waits until one is free; a request is refused if none is. */
export type SlotUser = 'source' | 'request';

/**
 * Limits the samples between arrival and answer. Each user leaves some places to the other. Otherwise a fast source would
 * cause every request to be refused, and requests could stall the source. Waiting sources get places in order.
 */
export class Slots {
  /** Places that one user may have. */
  private readonly maxPerUser: number;
  private readonly taken: Record<SlotUser, number> = { source: 0, request: 0 };
  private readonly waiting: ((slot: Slot | null) => void)[] = [];
  private readonly idleWaiters = new Waiters();
  private closed = false;

  /** @param reserved places, fewer than `maxInFlight`, that each user leaves to the other */
  constructor(
    private readonly maxInFlight: number,
    reserved = 0,
  ) {
    this.maxPerUser = maxInFlight - reserved;
  }

  get inFlight(): number {
    return this.taken.source + this.taken.request;
  }

  hasRoom(user: SlotUser): boolean {
    return !this.closed && this.inFlight < this.maxInFlight && this.taken[user] < this.maxPerUser;
  }

  /** A place for the source, as soon as one is free; `null` once closed. */
  take(): Promise<Slot | null> {
    if (this.closed) return Promise.resolve(null);
    if (this.hasRoom('source')) return Promise.resolve(this.grant('source'));
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** A place for a request; `null` if none is free. */
  tryTake(): Slot | null {
    return this.hasRoom('request') ? this.grant('request') : null;
  }

  /** The places taken, for messages. */
  describe(): string {
    const { taken, maxPerUser, inFlight, maxInFlight } = this;
    const all = `${inFlight} of ${maxInFlight} taken`;
    return maxPerUser === maxInFlight
      ? all
      : `${all}, of which requests have ${taken.request} of at most ${maxPerUser}`;
  }

  /** Grants no more places. Waiting sources get `null`. */
  close(): void {
    this.closed = true;
    for (const resolve of this.waiting.splice(0)) resolve(null);
  }

  /** Settles when no place is taken. */
  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return this.idleWaiters.wait();
  }

  private grant(user: SlotUser): Slot {
    this.taken[user]++;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.taken[user]--;
        if (this.hasRoom('source')) this.waiting.shift()?.(this.grant('source'));
        if (this.inFlight === 0) this.idleWaiters.wake();
      },
    };
  }
}
