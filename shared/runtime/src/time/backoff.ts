/** Waits that double from one failure to the next, each shortened at random by up to half. */
export class Backoff {
  private failures = 0;

  constructor(
    private readonly firstMs: number,
    private readonly maxMs: number,
    private readonly random: () => number,
  ) {}

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const ceilingMs = Math.min(this.maxMs, this.firstMs * 2 ** Math.min(this.failures++, 30));
    return ceilingMs * (1 - this.random() / 2);
  }

  reset(): void {
    this.failures = 0;
  }
}
