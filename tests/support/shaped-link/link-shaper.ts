/** One direction of a link. */
export interface LinkShape {
  /** From one end to the other, for a byte that finds the link empty. */
  delayMs: number;
  /** Infinity: only the delay counts. */
  bytesPerSecond: number;
}

/**
 * When bytes arrive that are put on a link one after the other: each waits until those before it are on the way, takes
 * its share of the bandwidth, and then the delay. Pure: time is passed in, in milliseconds.
 */
export class LinkShaper {
  /** When the last byte so far has been put on the link. */
  private busyUntilMs = Number.NEGATIVE_INFINITY;

  constructor(readonly shape: LinkShape) {
    const { delayMs, bytesPerSecond } = shape;
    if (!(delayMs >= 0) || !(bytesPerSecond > 0)) {
      throw new RangeError(
        `expected a delay of 0 or more and a bandwidth above 0, found ${delayMs} ms and ${bytesPerSecond} B/s`,
      );
    }
  }

  /** @returns when the last of these bytes arrives */
  transmit(bytes: number, nowMs: number): number {
    const { delayMs, bytesPerSecond } = this.shape;
    this.busyUntilMs = Math.max(nowMs, this.busyUntilMs) + (bytes / bytesPerSecond) * 1_000;
    return this.busyUntilMs + delayMs;
  }
}
