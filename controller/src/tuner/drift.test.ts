import { describe, expect, it } from 'vitest';
import { type DriftWindow, findDrift, maxDriftWindows, sumCounts } from './drift.js';
import { seededRandom } from './testing/seeded-random.js';

const level = 0.02;

interface World {
  power: number;
  disagreement: number;
}

function windowOf(random: () => number, { power, disagreement }: World, samples = 100): DriftWindow {
  const histogram = new Array<number>(64).fill(0);
  const tally = { recordRate: 0.1, samples, disagreed: 0 };
  for (let i = 0; i < samples; i++) {
    const bin = Math.floor(64 * random() ** power);
    histogram[bin] = (histogram[bin] as number) + 1;
    if (random() < tally.recordRate && random() < disagreement) tally.disagreed++;
  }
  return { histogram, audits: [tally] };
}

/** Plays windows until something is found. @returns how many it took; `null`: nothing was found */
function play(seed: number, count: number, worldAt: (window: number) => World) {
  const random = seededRandom(seed);
  let baseline = new Array<number>(64).fill(0);
  const windows: DriftWindow[] = [];
  for (let i = 0; i < count; i++) {
    windows.push(windowOf(random, worldAt(i)));
    if (windows.length > maxDriftWindows) {
      baseline = sumCounts([baseline, (windows.shift() as DriftWindow).histogram]);
    }
    const drift = findDrift(baseline, windows, level);
    if (drift) return { window: i, drift };
  }
  return null;
}

const good = { power: 1, disagreement: 0.015 };

describe('findDrift', () => {
  it('finds none where there is none', () => {
    for (let seed = 0; seed < 20; seed++) expect(play(seed, 150, () => good)).toBeNull();
  });

  it('finds moved confidences within a few windows', () => {
    for (let seed = 0; seed < 20; seed++) {
      const found = play(seed, 100, (i) => (i < 60 ? good : { ...good, power: 1.6 }));
      expect(found?.drift.kind).toBe('confidence');
      expect(found?.window).toBeGreaterThanOrEqual(60);
      expect(found?.window).toBeLessThan(68);
    }
  });

  it('finds answers that no longer agree though they are as confident as before', () => {
    for (let seed = 0; seed < 20; seed++) {
      const found = play(seed, 100, (i) => (i < 60 ? good : { ...good, disagreement: 0.2 }));
      expect(found?.drift.kind).toBe('agreement');
      expect(found?.window).toBeGreaterThanOrEqual(60);
      expect(found?.window).toBeLessThan(68);
    }
  });

  it('asks for agreement only where a goal does', () => {
    const windows = [windowOf(seededRandom(1), { power: 1, disagreement: 0.5 }, 300)];
    expect(findDrift([], windows, level)?.kind).toBe('agreement');
    expect(findDrift([], windows, null)).toBeNull();
    expect(findDrift([], [], level)).toBeNull();
  });
});
