import { describe, expect, it } from 'vitest';
import { deviationsApart, interval, lowerBound, upperBound } from './binomial-interval.js';

describe('Clopper-Pearson bounds', () => {
  it('follow the closed forms at the ends', () => {
    // P(no failure in n) = p^n = alpha
    expect(lowerBound(300, 300, 0.05)).toBeCloseTo(0.05 ** (1 / 300), 9);
    expect(upperBound(0, 300, 0.05)).toBeCloseTo(1 - 0.05 ** (1 / 300), 9);
    expect(upperBound(300, 300, 0.05)).toBe(1);
    expect(lowerBound(0, 300, 0.05)).toBe(0);
  });

  it('agree with the usual table: 8 of 10 at 95 %', () => {
    const [low, high] = interval(8, 10);
    expect(low).toBeCloseTo(0.4439, 4);
    expect(high).toBeCloseTo(0.9748, 4);
  });

  it('are 0 and 1 without trials', () => {
    expect(interval(0, 0)).toEqual([0, 1]);
  });

  it('hold for many trials', () => {
    const [low, high] = interval(9_800, 10_000);
    expect(low).toBeCloseTo(0.97706, 4);
    expect(high).toBeCloseTo(0.98266, 4);
  });
});

describe('deviationsApart', () => {
  it('measures by the pooled deviation, with a sign', () => {
    expect(deviationsApart({ share: 0.6, trials: 100 }, { share: 0.4, trials: 100 })).toBeCloseTo(2.828, 3);
    expect(deviationsApart({ share: 0.4, trials: 100 }, { share: 0.6, trials: 100 })).toBeCloseTo(-2.828, 3);
  });

  it('is 0 if both shares are certain', () => {
    expect(deviationsApart({ share: 1, trials: 5 }, { share: 1, trials: 7 })).toBe(0);
  });
});
