import { describe, expect, it } from 'vitest';
import { binomialCdf } from './binomial.js';

describe('binomialCdf', () => {
  it('agrees with values calculated by hand', () => {
    expect(binomialCdf(0, 2, 0.5)).toBeCloseTo(0.25, 12);
    expect(binomialCdf(1, 2, 0.5)).toBeCloseTo(0.75, 12);
    expect(binomialCdf(2, 5, 0.1)).toBeCloseTo(0.99144, 10);
  });

  it('does not underflow for many trials', () => {
    expect(binomialCdf(100, 5000, 0.02)).toBeCloseTo(0.527, 2);
  });
});
