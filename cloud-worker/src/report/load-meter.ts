import type { Clock } from '@offramp/runtime';
import { LoadWindows, type WindowLoad } from './load-window.js';
import type { WorkerStats } from './worker-stats.js';

export interface LoadMeterOptions {
  threads: number;
  /** Length of a window. */
  intervalMs: number;
}

/** Measures a worker's load, window by window. */
export class LoadMeter {
  private readonly windows: LoadWindows;
  private newest: WindowLoad | null = null;
  private cancel: () => void;

  /** @param onWindow called after each window */
  constructor(
    private readonly options: LoadMeterOptions,
    private readonly stats: WorkerStats,
    private readonly clock: Clock,
    private readonly onWindow: (load: WindowLoad) => void,
  ) {
    this.windows = new LoadWindows(options.threads, stats, clock.now());
    this.cancel = clock.after(options.intervalMs, () => this.look());
  }

  /** The last window that has ended; `null` before the first. */
  get latest(): WindowLoad | null {
    return this.newest;
  }

  stop(): void {
    this.cancel();
  }

  private look(): void {
    this.cancel = this.clock.after(this.options.intervalMs, () => this.look());
    this.newest = this.windows.next(this.stats, this.clock.now());
    this.onWindow(this.newest);
  }
}
