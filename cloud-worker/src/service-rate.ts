/** Busy time over which the rate is averaged, in milliseconds. */
const memoryMs = 2_000;
/** Busy time from which on the rate is told. */
const leastMs = 100;

/** How many samples a second leave the worker while it has all hands full. Times are milliseconds of one clock. */
export class ServiceRate {
  private busySinceMs: number | null = null;
  private busyMs = 0;
  private left = 0;

  /** All threads have something to do from now on, or no longer. */
  setBusy(busy: boolean, nowMs: number): void {
    this.advance(nowMs);
    this.busySinceMs = busy ? nowMs : null;
  }

  onLeft(): void {
    this.left++;
  }

  /** Milliseconds from one leaving sample to the next; `null` while there is too little to tell. */
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
