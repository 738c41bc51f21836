import { DDSketch } from '@datadog/sketches-js';

/** Relative accuracy of every quantile. Sketches merge only if they share it. */
const relativeAccuracy = 0.01;

/** A sketch spans no more than this many bins: 10⁻⁹ to 10⁹ ms need 2,073. */
const maxBins = 4_096;
/** Bins are 8 bytes each, and are written with up to 128 empty ones around them. */
const maxSketchBytes = (maxBins + 256) * 8;

/** A mergeable sketch of a latency distribution in milliseconds (DDSketch, relative accuracy 1 %). */
export class LatencySketch {
  private constructor(private readonly sketch: DDSketch) {}

  static create(): LatencySketch {
    return new LatencySketch(new DDSketch({ relativeAccuracy }));
  }

  /**
   * Reads a sketch that came over the wire; any that passes can be merged into any other.
   * @throws Error on bytes that are no sketch of latencies with this accuracy
   */
  static decode(bytes: Uint8Array): LatencySketch {
    if (bytes.byteLength > maxSketchBytes) {
      throw new Error(`expected a sketch of at most ${maxSketchBytes} bytes, found ${bytes.byteLength}`);
    }
    const sketch = DDSketch.fromProto(bytes);
    const { store, negativeStore, mapping, zeroCount } = sketch;
    const own = new DDSketch({ relativeAccuracy }).mapping;
    const sameMapping =
      mapping.gamma === own.gamma && [0.37, 11, 4_321].every((ms) => mapping.key(ms) === own.key(ms));
    if (!sameMapping) throw new Error(`expected a sketch with relative accuracy ${relativeAccuracy}`);
    const counts = [...store.bins, zeroCount];
    const farthest = maxBins / 2;
    const inRange =
      store.count === 0 || (store.offset >= -farthest && store.offset + store.bins.length <= farthest);
    if (!inRange || negativeStore.count !== 0 || !counts.every((n) => n >= 0 && Number.isFinite(n))) {
      throw new Error('expected a sketch of positive latencies below 10⁹ ms');
    }
    return new LatencySketch(sketch);
  }

  get count(): number {
    return this.sketch.count;
  }

  add(milliseconds: number): void {
    this.sketch.accept(milliseconds);
  }

  merge(other: LatencySketch): void {
    this.sketch.merge(other.sketch);
  }

  /** @param q in [0, 1]. NaN while empty. */
  quantile(q: number): number {
    return this.sketch.count === 0 ? Number.NaN : this.sketch.getValueAtQuantile(q);
  }

  encode(): Uint8Array {
    return this.sketch.toProto();
  }
}
