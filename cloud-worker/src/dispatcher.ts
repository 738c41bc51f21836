import type { ServiceRate } from './service-rate.js';

/** A bundle that has batches to run. */
export interface BatchSource {
  /** Batches of it that run, or stand behind one that runs. */
  readonly running: number;
  /**
   * Starts its next batch, if it has one that is ready.
   * @param onlyFull where every thread is busy, so that a batch that is not full can only gain by waiting
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

  /** Whether a batch that comes now need not wait for a thread. */
  get hasFreeThread(): boolean {
    return this.running() < this.threads;
  }

  /** Starts what can be started. Bundles take turns. */
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
   * One more batch for each thread, to be there when it is done. Only where one bundle has all the threads: another one's
   * would run beside them.
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
