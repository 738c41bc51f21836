/** Busy time over which the rate is averaged, in milliseconds. */
const memoryMs = 2_000;
/** Busy time before which the rate is unknown. */
const leastMs = 100;

/** Samples per second that leave the worker while all its threads are busy. Times are milliseconds of one clock. */
export class ServiceRate {
  private busySinceMs: number | null = null;
  private busyMs = 0;
  private left = 0;

  /** Whether all threads are busy from now on. */
  setBusy(busy: boolean, nowMs: number): void {
    this.advance(nowMs);
    this.busySinceMs = busy ? nowMs : null;
  }

  onLeft(): void {
    this.left++;
  }

  /** Milliseconds between two samples that leave; `null` while it is unknown. */
  perSampleMs(nowMs: number): number | null {
    this.advance(nowMs);
    return this.busyMs < leastMs || this.left === 0 ? null : this.busyMs / this.left;
  }

  private advance(nowMs: number): void {
    if (this.busySinceMs === null) return;
    this.busyMs += nowMs - this.busySinceMs;
    this.busySinceMs = nowMs;
    if (this.busyMs <= memoryMs) return;
    this.left *= memoryMs / this.busyMs;
    this.busyMs = memoryMs;
  }
}
