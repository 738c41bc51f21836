import { DDSketch, LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js';
import { describe, expect, it } from 'vitest';
import { LatencySketch } from './latency-sketch.js';

function sketchOf(...values: number[]): LatencySketch {
  const sketch = LatencySketch.create();
  for (const value of values) sketch.add(value);
  return sketch;
}

describe('LatencySketch', () => {
  it('keeps quantiles within 1 % over the wire and a merge', () => {
    const low = sketchOf(...Array.from({ length: 500 }, (_, i) => i + 1));
    const high = sketchOf(...Array.from({ length: 500 }, (_, i) => i + 501));
    const merged = LatencySketch.decode(low.encode());
    merged.merge(LatencySketch.decode(high.encode()));
    expect(merged.count).toBe(1_000);
    for (const q of [0.01, 0.5, 0.99]) {
      const exact = 1 + Math.floor(q * 999);
      expect(Math.abs(merged.quantile(q) - exact) / exact).toBeLessThan(0.0101);
    }
  });

  it('says the same as the library of its inventors, and reads what that writes', () => {
    const theirs = new DDSketch({ relativeAccuracy: 0.01 });
    const ours = LatencySketch.create();
    for (let i = 0; i < 2_000; i++) {
      const ms = 0.1 * 1.01 ** (i % 700);
      theirs.accept(ms);
      ours.add(ms);
    }
    const reread = LatencySketch.decode(theirs.toProto());
    for (const q of [0, 0.01, 0.5, 0.95, 1]) {
      expect(ours.quantile(q)).toBeCloseTo(theirs.getValueAtQuantile(q), 9);
      expect(reread.quantile(q)).toBeCloseTo(theirs.getValueAtQuantile(q), 9);
    }
    const dense = DDSketch.fromProto(ours.encode());
    expect(dense.getValueAtQuantile(0.5)).toBeCloseTo(theirs.getValueAtQuantile(0.5), 9);
  });

  it('takes few bytes for few latencies, however far apart they are', () => {
    const sketch = sketchOf(0.5, 3, 3, 40, 2_000);
    expect(sketch.encode().byteLength).toBeLessThan(100);
    const reread = LatencySketch.decode(sketch.encode());
    expect([0, 0.5, 1].map((q) => Math.round(reread.quantile(q) * 10) / 10)).toEqual(
      [0, 0.5, 1].map((q) => Math.round(sketch.quantile(q) * 10) / 10),
    );
    expect(reread.count).toBe(5);
  });

  it('takes every latency from a nanosecond to days, and none at all', () => {
    const wide = LatencySketch.decode(sketchOf(0, 1e-6, 3e8).encode());
    expect(wide.quantile(1)).toBeGreaterThan(2.9e8);
    expect(LatencySketch.decode(LatencySketch.create().encode()).quantile(0.5)).toBeNaN();
  });

  it('refuses what could not be merged', () => {
    const coarse = new DDSketch({ relativeAccuracy: 0.05 });
    coarse.accept(1);
    expect(() => LatencySketch.decode(coarse.toProto())).toThrow('relative accuracy');

    const negative = new DDSketch({ relativeAccuracy: 0.01 });
    negative.accept(-1);
    expect(() => LatencySketch.decode(negative.toProto())).toThrow('positive latencies');

    const far = new DDSketch({ relativeAccuracy: 0.01 });
    far.accept(1e300);
    expect(() => LatencySketch.decode(far.toProto())).toThrow('positive latencies');

    const counts = new DDSketch({ relativeAccuracy: 0.01 });
    counts.accept(1);
    counts.store.bins[3] = Number.NaN;
    expect(() => LatencySketch.decode(counts.toProto())).toThrow('positive latencies');

    const large = new LogCollapsingLowestDenseDDSketch({ relativeAccuracy: 0.01 });
    large.store.bins = new Array<number>(100_000).fill(1);
    expect(() => LatencySketch.decode(large.toProto())).toThrow('bytes');
    expect(() => LatencySketch.decode(Buffer.from('no sketch'))).toThrow();
  });
});
