import { binomialCdf } from '@offramp/bundle';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, it } from 'vitest';
import { allowedDisagreements, provenAgreement } from './allowed-disagreements.js';

describe('provenAgreement', () => {
  it.each([0, 1, 20, 78, 79, 2_500, 5_000])(
    'is the highest that %d disagreements are allowed for',
    (count) => {
      const agreement = provenAgreement(5_000, count, 0.05);
      expect(allowedDisagreements(5_000, agreement, 0.05)).toBeGreaterThanOrEqual(count);
      const higher = Math.min(1, agreement + 1 / 5_000);
      if (higher > agreement) expect(allowedDisagreements(5_000, higher, 0.05)).toBeLessThan(count);
    },
  );
});

describe('allowedDisagreements', () => {
  it('agrees with counts by hand', () => {
    // Of 4 samples 2 are observed. One disagreement is missed in 3 of 6 halves, two in 1 of 6.
    expect(allowedDisagreements(2, 1, 0.49)).toBe(-1);
    expect(allowedDisagreements(2, 1, 0.5)).toBe(0);
    expect(allowedDisagreements(2, 0.5, 0.16)).toBe(-1);
    expect(allowedDisagreements(2, 0.5, 0.17)).toBe(0);
  });

  it('allows none if there are too few samples, and all if no agreement is wanted', () => {
    expect(allowedDisagreements(10, 0.98, 0.05)).toBe(-1);
    expect(allowedDisagreements(10, 0, 0.05)).toBe(10);
  });

  it('is stricter than a bound for infinitely many samples', () => {
    expect(allowedDisagreements(5000, 0.98, 0.05)).toBe(78);
    expect(binomialCdf(83, 5000, 0.02)).toBeLessThanOrEqual(0.05);
    expect(binomialCdf(84, 5000, 0.02)).toBeGreaterThan(0.05);
  });

  it('is missed on new samples no more often than stated, for any true share', () => {
    const [n, agreement, delta] = [200, 0.9, 0.1];
    const allowed = allowedDisagreements(n, agreement, delta);
    const generator = xoroshiro128plus(7);
    const draw = (share: number) => {
      let count = 0;
      for (let i = 0; i < n; i++) if (uniformFloat64(generator) < share) count++;
      return count;
    };
    const rounds = 3000;
    const missed = [0.06, 0.08, 0.1, 0.12].map((share) => {
      let misses = 0;
      for (let round = 0; round < rounds; round++) {
        if (draw(share) <= allowed && draw(share) > n * (1 - agreement)) misses++;
      }
      return misses / rounds;
    });
    expect(Math.max(...missed)).toBeLessThanOrEqual(delta);
    expect(Math.max(...missed)).toBeGreaterThan(delta / 20);
  });
});
