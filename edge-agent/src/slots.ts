import { Waiters } from '@offramp/runtime';

/** A place in the agent. Given back once, however often `release` is called. */
export interface Slot {
  release(): void;
}

/** Who takes places: sources that can wait for one, and those who ask for one and are refused where there is none. */
export type Side = 'waiting' | 'asking';

/**
 * The bound on samples between arrival and answer. Each side leaves some places to the other: else a source that is always
 * ahead would have every request refused, and requests could hold up the source. Those who wait get places in order.
 */
export class Slots {
  /** Places that one side may have. */
  private readonly most: number;
  private readonly taken: Record<Side, number> = { waiting: 0, asking: 0 };
  private readonly waiting: ((slot: Slot | null) => void)[] = [];
  private readonly idleWaiters = new Waiters();
  private closed = false;

  /** @param reserved places, fewer than `maxInFlight`, that each side leaves to the other */
  constructor(
    private readonly maxInFlight: number,
    reserved = 0,
  ) {
    this.most = maxInFlight - reserved;
  }

  get inFlight(): number {
    return this.taken.waiting + this.taken.asking;
  }

  hasRoom(side: Side): boolean {
    return !this.closed && this.inFlight < this.maxInFlight && this.taken[side] < this.most;
  }

  /** A place as soon as one is free, for sources that can wait; `null` once closed. */
  take(): Promise<Slot | null> {
    if (this.closed) return Promise.resolve(null);
    if (this.hasRoom('waiting')) return Promise.resolve(this.grant('waiting'));
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** A place if one is free, for those who cannot wait. */
  tryTake(): Slot | null {
    return this.hasRoom('asking') ? this.grant('asking') : null;
  }

  /** What is taken, for messages. */
  describe(): string {
    const { taken, most, inFlight, maxInFlight } = this;
    const all = `${inFlight} of ${maxInFlight} taken`;
    return most === maxInFlight ? all : `${all}, of which requests have ${taken.asking} of at most ${most}`;
  }

  /** Gives out no more places, and tells those who wait. */
  close(): void {
    this.closed = true;
    for (const resolve of this.waiting.splice(0)) resolve(null);
  }

  /** Settles when no place is taken. */
  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return this.idleWaiters.wait();
  }

  private grant(side: Side): Slot {
    this.taken[side]++;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.taken[side]--;
        if (this.hasRoom('waiting')) this.waiting.shift()?.(this.grant('waiting'));
        if (this.inFlight === 0) this.idleWaiters.wake();
      },
    };
  }
}
