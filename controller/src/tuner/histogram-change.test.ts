import { describe, expect, it } from 'vitest';
import { compareHistograms } from './histogram-change.js';
import { seededRandom } from './testing/seeded-random.js';

const draw = (random: () => number, samples: number, power: number) => {
  const counts = new Array<number>(64).fill(0);
  for (let i = 0; i < samples; i++) {
    const bin = Math.floor(64 * random() ** power);
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
};

describe('compareHistograms', () => {
  it('knows nothing of nothing', () => {
    expect(compareHistograms([0, 0], [1, 2])).toEqual({ logOdds: 0, distance: 0 });
  });

  it('gives the odds that can be worked out by hand', () => {
    // Two groups: 1 and 0 against 0 and 1. Apart: 1/2 · 1/2; together: n/2 · n/2 / (n · (n + 1)) with n of the prior.
    const { logOdds, distance } = compareHistograms([1, 0], [0, 1]);
    expect(Math.exp(logOdds)).toBeCloseTo((101 / 100 + 401 / 400 + 1_201 / 1_200) / 3, 8);
    expect(distance).toBe(1);
  });

  it('holds samples of one distribution for such', () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = seededRandom(seed);
      expect(compareHistograms(draw(random, 2_000, 1), draw(random, 400, 1)).logOdds).toBeLessThan(6);
    }
  });

  it('tells different ones apart, the more alike they are the more samples it takes', () => {
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
