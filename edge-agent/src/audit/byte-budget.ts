import type { Clock } from '@offramp/runtime';

const hourMs = 3_600_000;
/** Share of an hour's bytes that may be sent at once. The rest is granted evenly over the hour. */
const burstShare = 1 / 12;

/**
 * A token bucket that limits bytes per hour. It starts full. A tensor larger than the burst passes when the bucket is full,
 * and the next ones wait until its bytes have been granted again.
 */
export class ByteBudget {
  private spent = 0;
  private at: number;

  constructor(private readonly clock: Clock) {
    this.at = clock.now();
  }

  /** Whether these bytes may be sent now. @param perHour the budget, which may differ between calls */
  allows(bytes: number, perHour: number): boolean {
    this.refill(perHour);
    const burst = perHour * burstShare;
    return perHour > 0 && this.spent <= burst - Math.min(bytes, burst);
  }

  /** Takes bytes from the budget. @returns whether they may be sent */
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
