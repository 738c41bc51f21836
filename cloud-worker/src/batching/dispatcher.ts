import type { ServiceRate } from '../admission/service-rate.js';

/** A bundle with batches to run. */
export interface BatchSource {
  /** Its batches that run, or that are queued behind a running one. */
  readonly running: number;
  /**
   * Starts its next ready batch, if any.
   * @param onlyFull set while every thread is busy, so that a batch that is not full can only gain by waiting
   */
  startNext(nowMs: number, onlyFull: boolean): boolean;
}

/** Shares the machine's inference threads among bundles: no more batches run at once than there are threads. */
export class Dispatcher {
  private readonly sources: BatchSource[] = [];

  constructor(
    private readonly threads: number,
    private readonly rate: ServiceRate,
  ) {}

  add(source: BatchSource): void {
    this.sources.push(source);
  }

  remove(source: BatchSource): void {
    const at = this.sources.indexOf(source);
    if (at >= 0) this.sources.splice(at, 1);
  }

  /** Whether a new batch would not wait for a thread. */
  get hasFreeThread(): boolean {
    return this.running() < this.threads;
  }

  /** Starts all batches that can start. Bundles take turns. */
  pump(nowMs: number): void {
    while (this.hasFreeThread && this.startOne(nowMs)) {}
    this.prefetch(nowMs);
    this.rate.setBusy(!this.hasFreeThread, nowMs);
  }

  private startOne(nowMs: number): boolean {
    const found = this.sources.findIndex((source) => source.startNext(nowMs, false));
    if (found < 0) return false;
    this.sources.push(...this.sources.splice(found, 1));
    return true;
  }

  /**
   * Queues one more batch for each thread, to start when the thread is done. Only if one bundle has all the threads, because
   * a batch of another bundle would run at the same time.
   */
  private prefetch(nowMs: number): void {
    const only = this.sources.find(({ running }) => running > 0);
    if (!only || only.running !== this.running()) return;
    while (only.running < 2 * this.threads && only.startNext(nowMs, true)) {}
  }

  private running(): number {
    return this.sources.reduce((sum, source) => sum + source.running, 0);
  }
}
