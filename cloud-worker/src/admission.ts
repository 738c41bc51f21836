import { OfframpError } from '@offramp/shared';
import type { Sender } from './fair-clock.js';
import type { ServiceRate } from './service-rate.js';

const shortestRetryMs = 10;
const longestRetryMs = 5_000;
/** Where nothing has been measured yet, a sample is taken to need this long. */
const assumedSampleMs = 1;
/**
 * A sender may hold this many times the places that are free. So one alone gets at most 4/5 of all, n alike get about
 * 1/n each, and there is always a place left for somebody who has none (dynamic thresholds: A. Choudhury, E. Hahne, 1998).
 */
const greed = 4;

/** A refusal costs about what an admission does, so pauses get longer until there is no more than one for so many answers. */
const answersPerRefusal = 4;
const longestStretch = 32;

/** Bounds how many samples are on the worker at once, and tells those it refuses when to come back. */
export class Admission {
  private taken = 0;
  private senders = 0;
  /** Lately: refusals, and samples that left. */
  private refused = 0;
  private left = 0;
  private readonly onEmpty: (() => void)[] = [];

  /** @param places samples at once */
  constructor(
    private readonly places: number,
    private readonly rate: ServiceRate,
  ) {}

  get size(): number {
    return this.taken;
  }

  /**
   * Takes a place.
   * @param patienceMs how long the sender waits for the answer
   * @throws OfframpError `OVERLOADED`: full, more than the sender's share, or its turn would come too late; with the
   *   time in which about half of the places come free, or more where many are refused
   */
  enter(sender: Sender, patienceMs: number, nowMs: number): void {
    const { places, taken } = this;
    if (taken >= places) throw this.overloaded(`all ${places} places for samples are taken`, nowMs);
    if (sender.inFlight >= greed * (places - taken)) {
      throw this.overloaded(
        `of ${places} places for samples ${places - taken} are free; you have ${sender.inFlight}`,
        nowMs,
      );
    }
    const waitMs = this.waitMs(sender, nowMs);
    if (waitMs > patienceMs) {
      throw this.overloaded(
        `an answer would take about ${Math.round(waitMs)} ms; you wait ${Math.round(patienceMs)} ms`,
        nowMs,
      );
    }
    this.taken++;
    if (sender.inFlight++ === 0) this.senders++;
  }

  leave(sender: Sender): void {
    this.taken--;
    this.left++;
    if (this.left > this.places) {
      this.left /= 2;
      this.refused /= 2;
    }
    if (--sender.inFlight === 0) this.senders--;
    if (this.taken === 0) for (const resolve of this.onEmpty.splice(0)) resolve();
  }

  /** Resolves when no sample is on the worker. */
  async empty(): Promise<void> {
    if (this.taken > 0) await new Promise<void>((resolve) => this.onEmpty.push(resolve));
  }

  /** Senders take turns: before one's new sample go its own, and as many of each other's, which may still come. */
  private waitMs(sender: Sender, nowMs: number): number {
    const sampleMs = this.rate.perSampleMs(nowMs);
    if (sampleMs === null) return 0;
    const others = sender.inFlight === 0 ? this.senders : this.senders - 1;
    return (sender.inFlight + others * (sender.inFlight + 1)) * sampleMs;
  }

  private overloaded(message: string, nowMs: number): OfframpError {
    const halfMs = (this.taken / 2) * (this.rate.perSampleMs(nowMs) ?? assumedSampleMs);
    this.refused++;
    const refusalsPerAnswer = this.refused / Math.max(1, this.left);
    const stretch = Math.min(longestStretch, Math.max(1, answersPerRefusal * refusalsPerAnswer));
    const retryAfterMs = Math.round(Math.min(longestRetryMs, Math.max(shortestRetryMs, halfMs * stretch)));
    return new OfframpError('OVERLOADED', message, { retryAfterMs });
  }
}
