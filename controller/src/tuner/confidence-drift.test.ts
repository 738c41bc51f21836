import { describe, expect, it } from 'vitest';
import { findConfidenceDrift, maxDriftWindows, sumCounts } from './confidence-drift.js';
import { seededRandom } from './testing/seeded-random.js';

/** @param power above 1: confidences are lower; each of the samples is counted so many times */
function windowOf(random: () => number, power: number, samples = 100, times = 1): number[] {
  const histogram = new Array<number>(64).fill(0);
  for (let i = 0; i < samples; i++) {
    const bin = Math.floor(64 * random() ** power);
    histogram[bin] = (histogram[bin] as number) + times;
  }
  return histogram;
}

/** Plays windows until something is found. @returns in which; `null`: nothing was found */
function play(seed: number, count: number, powerAt: (window: number) => number, inStep = 1) {
  const random = seededRandom(seed);
  let baseline: number[] = [];
  const windows: number[][] = [];
  for (let i = 0; i < count; i++) {
    windows.push(windowOf(random, powerAt(i), 100 / inStep, inStep));
    if (windows.length > maxDriftWindows) baseline = sumCounts([baseline, windows.shift() as number[]]);
    const drift = findConfidenceDrift(baseline, windows);
    if (drift) return { window: i, drift };
  }
  return null;
}

describe('findConfidenceDrift', () => {
  it('finds none where there is none', () => {
    for (let seed = 0; seed < 20; seed++) expect(play(seed, 200, () => 1)).toBeNull();
  });

  it('finds moved confidences within a few windows', () => {
    for (let seed = 0; seed < 20; seed++) {
      const found = play(seed, 100, (window) => (window < 60 ? 1 : 1.6));
      expect(found?.drift.distance).toBeGreaterThan(0.1);
      expect(found?.window).toBeGreaterThanOrEqual(60);
      expect(found?.window).toBeLessThan(67);
    }
  });

  it('takes what ten devices see in step for one sample each', () => {
    for (let seed = 0; seed < 20; seed++) {
      expect(play(seed, 200, () => 1, 10)).toBeNull();
      expect(play(seed, 100, (window) => (window < 60 ? 1 : 4), 10)?.window).toBeLessThan(80);
    }
  });

  it('does not judge by a short past, nor by none', () => {
    const random = seededRandom(1);
    expect(findConfidenceDrift([], [])).toBeNull();
    expect(findConfidenceDrift([], [windowOf(random, 1), windowOf(random, 9)])).toBeNull();
  });

  it('lets pass what is certain but small', () => {
    const random = seededRandom(1);
    const before = windowOf(random, 1, 200_000);
    expect(findConfidenceDrift(before, [windowOf(random, 1.05, 200_000)])).toBeNull();
    expect(findConfidenceDrift(before, [windowOf(random, 1.2, 200_000)])?.samples).toBe(200_000);
  });
});
