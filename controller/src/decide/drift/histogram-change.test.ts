import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.js';
import { compareHistograms } from './histogram-change.js';

const draw = (random: () => number, samples: number, power: number) => {
  const counts = new Array<number>(64).fill(0);
  for (let i = 0; i < samples; i++) {
    const bin = Math.floor(64 * random() ** power);
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
};

describe('compareHistograms', () => {
  it('gives even odds for empty histograms', () => {
    expect(compareHistograms([0, 0], [1, 2])).toEqual({ logOdds: 0, distance: 0 });
  });

  it('gives the odds computed by hand', () => {
    // Two groups: 1 and 0 against 0 and 1. Two distributions: 1/2 · 1/2; one: n/2 · n/2 / (n · (n + 1)) with n of the prior.
    const { logOdds, distance } = compareHistograms([1, 0], [0, 1]);
    expect(Math.exp(logOdds)).toBeCloseTo((101 / 100 + 401 / 400 + 1_201 / 1_200) / 3, 8);
    expect(distance).toBe(1);
  });

  it('recognises samples of one distribution', () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = seededRandom(seed);
      expect(compareHistograms(draw(random, 2_000, 1), draw(random, 400, 1)).logOdds).toBeLessThan(6);
    }
  });

  it('recognises different distributions, with more samples the more similar they are', () => {
    const random = seededRandom(7);
    const before = draw(random, 5_000, 1);
    expect(compareHistograms(before, draw(random, 200, 2)).logOdds).toBeGreaterThan(11);
    expect(compareHistograms(before, draw(random, 200, 1.2)).logOdds).toBeLessThan(11);
    const change = compareHistograms(before, draw(random, 5_000, 1.2));
    expect(change.logOdds).toBeGreaterThan(11);
    expect(change.distance).toBeGreaterThan(0.03);
    expect(change.distance).toBeLessThan(0.15);
  });
});
