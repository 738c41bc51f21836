import type { Clock } from '@offramp/runtime';

/**
 * Lets the n-th sample pass n / rate seconds after the first. Times are absolute, so that waits that end late do not reduce
 * the rate.
 */
export class Pacer {
  private startedAt: number | null = null;
  private passed = 0;
  private cancelled = false;
  private cancelWait: (() => void) | null = null;

  /** @param ratePerSecond 0: no waits */
  constructor(
    private readonly ratePerSecond: number,
    private readonly clock: Clock,
  ) {}

  /** Settles when the next sample is due, or when cancelled. */
  next(): Promise<void> {
    this.startedAt ??= this.clock.now();
    const n = this.passed++;
    if (this.ratePerSecond === 0 || this.cancelled) return Promise.resolve();
    const waitMs = this.startedAt + (n * 1_000) / this.ratePerSecond - this.clock.now();
    if (waitMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const stopTimer = this.clock.after(waitMs, () => {
        this.cancelWait = null;
        resolve();
      });
      this.cancelWait = () => {
        stopTimer();
        resolve();
      };
    });
  }

  cancel(): void {
    this.cancelled = true;
    this.cancelWait?.();
    this.cancelWait = null;
  }
}
