import type { HistogramMessage } from '../wire/messages.js';
import { confidenceBins } from './confidence-bins.js';

/** Counts per branch and bin of confidence. Takes memory from its first count on: 8 bytes a bin, or 4 where they are narrow. */
export class BinCounts {
  private counts: Float64Array | Uint32Array | null = null;

  /** @param narrow whether no count will pass 2³² − 1 */
  constructor(
    private readonly branches: number,
    private readonly narrow: boolean,
  ) {}

  add(branch: number, bin: number, count = 1): void {
    const counts = this.own();
    const at = branch * confidenceBins + bin;
    counts[at] = (counts[at] as number) + count;
  }

  merge(other: BinCounts): void {
    if (!other.counts) return;
    const counts = this.own();
    other.counts.forEach((count, at) => {
      counts[at] = (counts[at] as number) + count;
    });
  }

  /** One count a bin. */
  of(branch: number): number[] {
    const from = branch * confidenceBins;
    if (!this.counts) return new Array<number>(confidenceBins).fill(0);
    return Array.from(this.counts.subarray(from, from + confidenceBins));
  }

  /** Without the empty bins at either end. */
  toMessage(branch: number): HistogramMessage {
    const counts = this.of(branch);
    const first = counts.findIndex((count) => count > 0);
    if (first < 0) return {};
    return { firstBin: first, counts: counts.slice(first, counts.findLastIndex((count) => count > 0) + 1) };
  }

  /** @throws RangeError for more bins than there are */
  addMessage(branch: number, message: HistogramMessage | null | undefined): void {
    const firstBin = message?.firstBin ?? 0;
    const counts = message?.counts ?? [];
    if (firstBin + counts.length > confidenceBins) {
      throw new RangeError(`expected ${confidenceBins} bins at most, found ${firstBin + counts.length}`);
    }
    counts.forEach((count, i) => {
      if (count > 0) this.add(branch, firstBin + i, count);
    });
  }

  private own(): Float64Array | Uint32Array {
    const length = this.branches * confidenceBins;
    this.counts ??= this.narrow ? new Uint32Array(length) : new Float64Array(length);
    return this.counts;
  }
}
