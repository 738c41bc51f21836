import { CompactCounts } from '../counts/compact-counts.js';
import type { HistogramInit, HistogramMessage } from '../wire/messages.js';
import { confidenceBins } from './confidence-bins.js';

/** Counts per branch and bin of confidence. */
export class BinCounts {
  private readonly counts = new CompactCounts();

  add(branch: number, bin: number, count = 1): void {
    this.counts.add(branch * confidenceBins + bin, count);
  }

  merge(other: BinCounts): void {
    this.counts.merge(other.counts);
  }

  /** One count a bin. */
  of(branch: number): number[] {
    return this.counts.slice(branch * confidenceBins, confidenceBins);
  }

  /** Without the empty bins at either end. */
  toMessage(branch: number): HistogramInit {
    const counts = this.of(branch);
    const first = counts.findIndex((count) => count > 0);
    if (first < 0) return {};
    return { firstBin: first, counts: counts.slice(first, counts.findLastIndex((count) => count > 0) + 1) };
  }

  /** @throws RangeError for more bins than there are */
  addMessage(branch: number, { firstBin, counts }: HistogramMessage): void {
    if (firstBin + counts.length > confidenceBins) {
      throw new RangeError(`expected ${confidenceBins} bins at most, found ${firstBin + counts.length}`);
    }
    counts.forEach((count, i) => {
      if (count > 0) this.add(branch, firstBin + i, count);
    });
  }
}
