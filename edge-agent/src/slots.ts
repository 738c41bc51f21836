/** A place in the agent. Given back once, however often `release` is called. */
export interface Slot {
  release(): void;
}

/**
 * The bound on samples between arrival and answer. Those who can wait get places in order, but leave
 * some to those who cannot: else a source that is always ahead would have every request refused.
 */
export class Slots {
  private taken = 0;
  private readonly waiting: ((slot: Slot | null) => void)[] = [];
  private readonly idleWaiters: (() => void)[] = [];
  private closed = false;

  /** @param reserved places, fewer than `maxInFlight`, that only {@link tryTake} gives out */
  constructor(
    readonly maxInFlight: number,
    private readonly reserved = 0,
  ) {}

  get inFlight(): number {
    return this.taken;
  }

  /** A place if one is free, for sources that cannot wait. */
  tryTake(): Slot | null {
    return this.closed || this.taken >= this.maxInFlight ? null : this.grant();
  }

  /** A place as soon as one is free, for sources that can wait; `null` once closed. */
  take(): Promise<Slot | null> {
    if (this.closed) return Promise.resolve(null);
    if (this.hasPlaceForWaiting) return Promise.resolve(this.grant());
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Gives out no more places, and tells those who wait. */
  close(): void {
    this.closed = true;
    for (const resolve of this.waiting.splice(0)) resolve(null);
  }

  /** Settles when no place is taken. */
  idle(): Promise<void> {
    if (this.taken === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  private get hasPlaceForWaiting(): boolean {
    return this.taken < this.maxInFlight - this.reserved;
  }

  private grant(): Slot {
    this.taken++;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.taken--;
        if (this.hasPlaceForWaiting) this.waiting.shift()?.(this.grant());
        if (this.taken === 0) for (const resolve of this.idleWaiters.splice(0)) resolve();
      },
    };
  }
}
