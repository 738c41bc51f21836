import { expect, test } from 'vitest';
import { binOf, binStarts, confidenceBins } from './confidence-bins.js';

test('every confidence has one bin, and bins begin at distinct float32 values in order', () => {
  expect(binStarts).toHaveLength(confidenceBins);
  for (let bin = 1; bin < confidenceBins; bin++) {
    const start = binStarts[bin] as number;
    expect(start).toBeGreaterThan(binStarts[bin - 1] as number);
    expect(Math.fround(start)).toBe(start);
    expect(binOf(start)).toBe(bin);
    expect(binOf(start - 2 ** -26)).toBe(bin - 1);
  }
  expect([0, 1, Number.NaN, -1, 2].map(binOf)).toEqual([0, confidenceBins - 1, 0, 0, confidenceBins - 1]);
});

test('bins are dense near 1, where thresholds are', () => {
  const width = (confidence: number) => {
    const bin = binOf(confidence);
    return (binStarts[bin + 1] ?? 1) - (binStarts[bin] as number);
  };
  expect(width(0.5)).toBeLessThan(0.07);
  expect(width(0.99)).toBeLessThan(0.004);
  expect(width(0.9999)).toBeLessThan(0.00004);
});
