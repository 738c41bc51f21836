import { OfframpError } from '@offramp/shared';

const shortestRetryMs = 10;
const longestRetryMs = 5_000;
/** Weight of the newest sample in the mean time on the worker. */
const newestWeight = 0.1;

/** Share of the places up to which audits are taken. Beyond, somebody waits for what the worker does. */
const auditShare = 1 / 8;

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

  /**
   * @param audit whether nobody waits for the answer
   * @throws OfframpError `OVERLOADED` with the time in which about half of the places come free
   */
  enter(audit = false): void {
    const placesForAudits = Math.ceil(this.places * auditShare);
    if (this.taken >= this.places) throw this.overloaded(`all ${this.places} places for samples are taken`);
    if (audit && this.taken >= placesForAudits) {
      throw this.overloaded(
        `expected fewer than ${placesForAudits} samples here to take an audit, found ${this.taken}`,
      );
    }
    this.taken++;
  }

  /** @param stayMs how long the sample was on the worker */
  leave(stayMs: number): void {
    this.taken--;
    this.meanStayMs += (stayMs - this.meanStayMs) * newestWeight;
    if (this.taken === 0) for (const resolve of this.onEmpty.splice(0)) resolve();
  }

  private overloaded(message: string): OfframpError {
    const retryAfterMs = Math.round(Math.min(longestRetryMs, Math.max(shortestRetryMs, this.meanStayMs / 2)));
    return new OfframpError('OVERLOADED', message, { retryAfterMs });
  }

  /** Resolves when no sample is on the worker. */
  async empty(): Promise<void> {
    if (this.taken > 0) await new Promise<void>((resolve) => this.onEmpty.push(resolve));
  }
}
