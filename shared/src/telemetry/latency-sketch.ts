import { DDSketch } from '@datadog/sketches-js';

/** Relative accuracy of every quantile. Sketches merge only if they share it. */
const relativeAccuracy = 0.01;

/** A mergeable sketch of a latency distribution in milliseconds (DDSketch, relative accuracy 1 %). */
export class LatencySketch {
  private constructor(private readonly sketch: DDSketch) {}

  static create(): LatencySketch {
    return new LatencySketch(new DDSketch({ relativeAccuracy }));
  }

  /** @throws Error on bytes that are no sketch */
  static decode(bytes: Uint8Array): LatencySketch {
    return new LatencySketch(DDSketch.fromProto(bytes));
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
