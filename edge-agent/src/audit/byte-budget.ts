import type { Clock } from '@offramp/runtime';

const hourMs = 3_600_000;
/** Share of an hour's bytes that may go at once; the others come evenly over the hour. */
const burstShare = 1 / 12;

/**
 * So many bytes an hour, whichever hour one looks at: a token bucket. It starts full. One tensor larger than the burst is let
 * through when the bucket is full, and the next ones wait until it has been paid for.
 */
export class ByteBudget {
  private spent = 0;
  private at: number;

  constructor(private readonly clock: Clock) {
    this.at = clock.now();
  }

  /** Whether so many bytes may go now. @param perHour the budget, which may be another one at each call */
  allows(bytes: number, perHour: number): boolean {
    this.refill(perHour);
    const burst = perHour * burstShare;
    return perHour > 0 && this.spent <= burst - Math.min(bytes, burst);
  }

  /** Takes so many bytes. @returns whether they may go */
  take(bytes: number, perHour: number): boolean {
    if (!this.allows(bytes, perHour)) return false;
    this.spent += bytes;
    return true;
  }

  private refill(perHour: number): void {
    const now = this.clock.now();
    const refilled = ((now - this.at) / hourMs) * perHour * (1 - burstShare);
    this.spent = Math.max(0, this.spent - refilled);
    this.at = now;
  }
}
