import { OfframpError } from '@offramp/runtime';
import type { Sender } from '../batching/fair-clock.js';
import type { ServiceRate } from './service-rate.js';

const shortestRetryMs = 10;
const longestRetryMs = 5_000;
/** Assumed time of a sample before the first measurement. */
const assumedSampleMs = 1;
/**
 * A sender may hold this many times the free places. So one sender alone gets at most 4/5 of all, n equal senders get about
 * 1/n each, and a new sender always finds a place (dynamic thresholds: A. Choudhury, E. Hahne, 1998).
 */
const greed = 4;

/** A refusal costs about as much as an admission, so pauses grow until there is at most one refusal for this many answers. */
const answersPerRefusal = 4;
const longestStretch = 32;

/** Share of the places up to which audits are admitted, so that other samples do not wait for them. */
const auditShare = 1 / 8;

/** Bounds the number of samples on the worker, and gives refused ones a time to retry. */
export class Admission {
  private taken = 0;
  private senders = 0;
  /** Recent refusals, and recent samples that left the worker. */
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
   * @param patienceMs the time until the answer is no longer useful
   * @throws OfframpError `OVERLOADED`: full, more than the sender's share, or its turn would come too late. The retry
   *   time is that in which about half of the places become free, or longer if many samples are refused
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

  /**
   * Takes a place for an audit, whose answer is not awaited. A refused audit does not lengthen pauses.
   * @param audits the sender of all audits
   * @throws OfframpError `OVERLOADED` while more than a few places are taken, and as {@link enter}
   */
  enterAudit(audits: Sender, patienceMs: number, nowMs: number): void {
    const most = Math.ceil(this.places * auditShare);
    if (this.taken >= most) {
      throw new OfframpError(
        'OVERLOADED',
        `audits are taken while fewer than ${most} samples are here; there are ${this.taken}`,
        { retryAfterMs: this.retryAfterMs(nowMs) },
      );
    }
    this.enter(audits, patienceMs, nowMs);
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

  /** Senders take turns: a new sample waits for its sender's own samples, and for as many of each other sender. */
  private waitMs(sender: Sender, nowMs: number): number {
    const sampleMs = this.rate.perSampleMs(nowMs);
    if (sampleMs === null) return 0;
    const others = sender.inFlight === 0 ? this.senders : this.senders - 1;
    return (sender.inFlight + others * (sender.inFlight + 1)) * sampleMs;
  }

  private overloaded(message: string, nowMs: number): OfframpError {
    this.refused++;
    return new OfframpError('OVERLOADED', message, { retryAfterMs: this.retryAfterMs(nowMs) });
  }

  private retryAfterMs(nowMs: number): number {
    const halfMs = (this.taken / 2) * (this.rate.perSampleMs(nowMs) ?? assumedSampleMs);
    const refusalsPerAnswer = this.refused / Math.max(1, this.left);
    const stretch = Math.min(longestStretch, Math.max(1, answersPerRefusal * refusalsPerAnswer));
    return Math.round(Math.min(longestRetryMs, Math.max(shortestRetryMs, halfMs * stretch)));
  }
}
