import { CompactCounts } from '../counts/compact-counts.js';
import { DDSketch } from '../wire/messages.js';

/** Relative accuracy of every quantile. Sketches merge only if they share it. */
const relativeAccuracy = 0.01;
const gamma = 1 + (2 * relativeAccuracy) / (1 - relativeAccuracy);
/** Bins in a factor of two. */
const binsPerOctave = Math.LN2 / Math.log1p(gamma - 1);

/** Bins end at gamma to the power of their number, which is from minus to plus this: 10⁻⁹ to 10⁹ ms need half of it. */
const farthestBin = 2_048;
/** Larger ones hold more bins than there are; some libraries write 128 empty ones at either end. */
const maxSketchBytes = (2 * farthestBin + 256) * 8;
/** What a bin takes in the message: by itself, and as one of a row. */
const singleBinBytes = 13;
const rowBinBytes = 8;

/**
 * A mergeable sketch of a latency distribution in milliseconds: a DDSketch (Masson, Rim, Lee: "DDSketch: a fast and
 * fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12, 2019), relative accuracy 1 %. Of a thousand
 * of them a second, a fleet's, the library's dense arrays took most of a controller's time and memory.
 */
export class LatencySketch {
  private readonly bins = new CompactCounts();
  private zeros = 0;
  private total = 0;

  static create(): LatencySketch {
    return new LatencySketch();
  }

  /**
   * Reads a sketch that came over the wire; any that passes can be merged into any other.
   * @param bytes a `DDSketch` of `proto/ddsketch.proto`
   * @throws Error on bytes that are no sketch of latencies with this accuracy
   */
  static decode(bytes: Uint8Array): LatencySketch {
    if (bytes.byteLength > maxSketchBytes) {
      throw new Error(`expected a sketch of at most ${maxSketchBytes} bytes, found ${bytes.byteLength}`);
    }
    const { mapping, positiveValues, negativeValues, zeroCount } = DDSketch.decode(bytes);
    const sameMapping =
      mapping !== null &&
      Math.abs(mapping.gamma - gamma) < 1e-9 &&
      mapping.indexOffset === 0 &&
      mapping.interpolation === 0;
    if (!sameMapping) throw new Error(`expected a sketch with relative accuracy ${relativeAccuracy}`);
    const sketch = new LatencySketch();
    const check = (right: boolean) => {
      if (!right) throw new Error('expected a sketch of positive latencies below 10⁹ ms');
    };
    const add = (bin: number, count: number) => {
      if (count === 0) return;
      check(Number.isSafeInteger(count) && count > 0 && Math.abs(bin) <= farthestBin);
      sketch.addBin(bin, count);
    };
    if (positiveValues) {
      const { binCounts, contiguousBinCounts, contiguousBinIndexOffset } = positiveValues;
      for (const [bin, count] of Object.entries(binCounts)) add(Number(bin), count);
      contiguousBinCounts.forEach((count, i) => {
        add(contiguousBinIndexOffset + i, count);
      });
    }
    if (negativeValues) {
      const { binCounts, contiguousBinCounts } = negativeValues;
      check([...Object.values(binCounts), ...contiguousBinCounts].every((count) => count === 0));
    }
    check(Number.isSafeInteger(zeroCount) && zeroCount >= 0);
    sketch.zeros = zeroCount;
    sketch.total += zeroCount;
    return sketch;
  }

  get count(): number {
    return this.total;
  }

  add(milliseconds: number): void {
    const bin = Math.ceil(Math.log2(milliseconds) * binsPerOctave);
    if (bin >= -farthestBin) {
      this.addBin(Math.min(bin, farthestBin), 1);
      return;
    }
    this.zeros++;
    this.total++;
  }

  merge(other: LatencySketch): void {
    this.bins.merge(other.bins);
    this.zeros += other.zeros;
    this.total += other.total;
  }

  /** @param q in [0, 1]. NaN while empty. */
  quantile(q: number): number {
    if (this.total === 0) return Number.NaN;
    const rank = q * (this.total - 1);
    let below = this.zeros;
    if (below > rank) return 0;
    const sorted = this.bins.sorted();
    const found = sorted.find(([, count]) => {
      below += count;
      return below > rank;
    });
    const [bin] = (found ?? sorted.at(-1)) as [number, number];
    return (2 ** (bin / binsPerOctave) * 2) / (1 + gamma);
  }

  /** A `DDSketch` of `proto/ddsketch.proto`, in whichever of its forms is smaller. */
  encode(): Uint8Array {
    const sorted = this.bins.sorted();
    const [first = 0] = sorted[0] ?? [];
    const [last = -1] = sorted.at(-1) ?? [];
    const length = last - first + 1;
    const single = sorted.length * singleBinBytes < length * rowBinBytes;
    return DDSketch.encode({
      mapping: { gamma, indexOffset: 0, interpolation: 0 },
      positiveValues: single
        ? { binCounts: Object.fromEntries(sorted) }
        : { contiguousBinCounts: this.bins.slice(first, length), contiguousBinIndexOffset: first },
      // Some libraries take no sketch without them.
      negativeValues: {},
      zeroCount: this.zeros,
    }).finish();
  }

  private addBin(bin: number, count: number): void {
    this.bins.add(bin, count);
    this.total += count;
  }
}
