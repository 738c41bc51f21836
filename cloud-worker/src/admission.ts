import { OfframpError } from '@offramp/shared';

const shortestRetryMs = 10;
const longestRetryMs = 5_000;
/** Weight of the newest sample in the mean time on the worker. */
const newestWeight = 0.1;

/** Bounds how many samples are on the worker at once, and tells those it refuses when to come back. */
export class Admission {
  private taken = 0;
  private meanStayMs = shortestRetryMs;
  private readonly onEmpty: (() => void)[] = [];

  /** @param places samples at once */
  constructor(private readonly places: number) {}

  get size(): number {
    return this.taken;
  }

  /** @throws OfframpError `OVERLOADED` with the time in which about half of the places come free */
  enter(): void {
    if (this.taken >= this.places) {
      throw new OfframpError('OVERLOADED', `all ${this.places} places for samples are taken`, {
        retryAfterMs: Math.round(Math.min(longestRetryMs, Math.max(shortestRetryMs, this.meanStayMs / 2))),
      });
    }
    this.taken++;
  }

  /** @param stayMs how long the sample was on the worker */
  leave(stayMs: number): void {
    this.taken--;
    this.meanStayMs += (stayMs - this.meanStayMs) * newestWeight;
    if (this.taken === 0) for (const resolve of this.onEmpty.splice(0)) resolve();
  }

  /** Resolves when no sample is on the worker. */
  async empty(): Promise<void> {
    if (this.taken > 0) await new Promise<void>((resolve) => this.onEmpty.push(resolve));
  }
}
