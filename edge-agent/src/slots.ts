/** A place in the agent. Given back once, however often `release` is called. */
export interface Slot {
  release(): void;
}

/** The bound on samples between arrival and answer. Those who wait get places in order. */
export class Slots {
  private taken = 0;
  private readonly waiting: ((slot: Slot | null) => void)[] = [];
  private readonly idleWaiters: (() => void)[] = [];
  private closed = false;

  constructor(readonly maxInFlight: number) {}

  get inFlight(): number {
    return this.taken;
  }

  /** A place if one is free, for sources that cannot wait. */
  tryTake(): Slot | null {
    if (this.closed || this.taken >= this.maxInFlight || this.waiting.length > 0) return null;
    return this.grant();
  }

  /** A place as soon as one is free, for sources that can wait; `null` once closed. */
  take(): Promise<Slot | null> {
    if (this.closed) return Promise.resolve(null);
    const slot = this.tryTake();
    if (slot) return Promise.resolve(slot);
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

  private grant(): Slot {
    this.taken++;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.taken--;
        const next = this.waiting.shift();
        if (next) next(this.grant());
        else if (this.taken === 0) for (const resolve of this.idleWaiters.splice(0)) resolve();
      },
    };
  }
}
