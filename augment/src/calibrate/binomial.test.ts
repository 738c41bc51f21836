import { describe, expect, it } from 'vitest';
import { allowedDisagreements, binomialCdf } from './binomial.js';

describe('binomialCdf', () => {
  it('agrees with values worked out by hand', () => {
    expect(binomialCdf(0, 2, 0.5)).toBeCloseTo(0.25, 12);
    expect(binomialCdf(1, 2, 0.5)).toBeCloseTo(0.75, 12);
    expect(binomialCdf(2, 5, 0.1)).toBeCloseTo(0.99144, 10);
  });

  it('does not underflow for many trials', () => {
    expect(binomialCdf(100, 5000, 0.02)).toBeCloseTo(0.527, 2);
  });
});

describe('allowedDisagreements', () => {
  it('is the largest count that the bound still allows', () => {
    const allowed = allowedDisagreements(5000, 0.98, 0.05);
    expect(binomialCdf(allowed, 5000, 0.02)).toBeLessThanOrEqual(0.05);
    expect(binomialCdf(allowed + 1, 5000, 0.02)).toBeGreaterThan(0.05);
  });

  it('allows none at all where the samples are too few to tell', () => {
    expect(allowedDisagreements(10, 0.98, 0.05)).toBe(-1);
    expect(allowedDisagreements(10, 0, 0.05)).toBe(10);
  });
});
