import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.js';
import { findConfidenceDrift, maxDriftWindows, sumCounts } from './confidence-drift.js';

/** @param power above 1: confidences are lower. @param times how often each sample is counted */
function windowOf(random: () => number, power: number, samples = 100, times = 1): number[] {
  const histogram = new Array<number>(64).fill(0);
  for (let i = 0; i < samples; i++) {
    const bin = Math.floor(64 * random() ** power);
    histogram[bin] = (histogram[bin] as number) + times;
  }
  return histogram;
}

/** Plays windows until drift is found. @returns the window's number; `null` if none was found */
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
  it('finds no drift in unchanged traffic', () => {
    for (let seed = 0; seed < 20; seed++) expect(play(seed, 200, () => 1)).toBeNull();
  });

  it('finds shifted confidences within a few windows', () => {
    for (let seed = 0; seed < 20; seed++) {
      const found = play(seed, 100, (window) => (window < 60 ? 1 : 1.6));
      expect(found?.drift.distance).toBeGreaterThan(0.1);
      expect(found?.window).toBeGreaterThanOrEqual(60);
      expect(found?.window).toBeLessThan(67);
    }
  });

  it('counts pictures that ten devices see in step as one sample each', () => {
    for (let seed = 0; seed < 20; seed++) {
      expect(play(seed, 200, () => 1, 10)).toBeNull();
      expect(play(seed, 100, (window) => (window < 60 ? 1 : 4), 10)?.window).toBeLessThan(80);
    }
  });

  it('does not judge by a short or empty history', () => {
    const random = seededRandom(1);
    expect(findConfidenceDrift([], [])).toBeNull();
    expect(findConfidenceDrift([], [windowOf(random, 1), windowOf(random, 9)])).toBeNull();
  });

  it('ignores a certain but small shift', () => {
    const random = seededRandom(1);
    const before = windowOf(random, 1, 200_000);
    expect(findConfidenceDrift(before, [windowOf(random, 1.05, 200_000)])).toBeNull();
    expect(findConfidenceDrift(before, [windowOf(random, 1.2, 200_000)])?.samples).toBe(200_000);
  });
});
