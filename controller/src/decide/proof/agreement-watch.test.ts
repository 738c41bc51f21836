import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.js';
import { newAgreementWatch, provesViolation, watchAgreement } from './agreement-watch.js';

const level = 0.02;

/** @returns windows of 100 samples until a violation is proven; `null` if it was not */
function play(seed: number, windows: number, recordRate: number, disagreementAt: (window: number) => number) {
  const random = seededRandom(seed);
  let watch = newAgreementWatch;
  for (let i = 0; i < windows; i++) {
    const tally = { recordRate, samples: 100, disagreed: 0 };
    for (let sample = 0; sample < 100; sample++) {
      if (random() < recordRate && random() < disagreementAt(i)) tally.disagreed++;
    }
    watch = watchAgreement(watch, [tally], level);
    if (provesViolation(watch)) return i;
  }
  return null;
}

describe('watchAgreement', () => {
  it('proves no violation while the goal is met, for a long time', () => {
    for (let seed = 0; seed < 50; seed++) expect(play(seed, 500, 0.1, () => 0.018)).toBeNull();
  });

  it('proves a violation soon, however long the goal was met before', () => {
    for (let seed = 0; seed < 20; seed++) {
      for (const well of [10, 200]) {
        const found = play(seed, 300, 0.1, (window) => (window < well ? 0.015 : 0.2));
        expect(found).toBeGreaterThanOrEqual(well);
        expect(found).toBeLessThan(well + 12);
      }
    }
  });

  it('accumulates evidence over windows', () => {
    const found = play(3, 2_000, 0.015, () => 0.08);
    expect(found).toBeGreaterThan(10);
    expect(found).toBeLessThan(400);
  });

  it('doubts before a proof, counts from the start of the doubt, and resets when the doubt ends', () => {
    let watch = watchAgreement(newAgreementWatch, [{ recordRate: 0.1, samples: 200, disagreed: 4 }], level);
    expect(watch.doubted).toBe(true);
    expect(provesViolation(watch)).toBe(false);
    expect(watch).toMatchObject({ samples: 200, audited: 20, disagreed: 4 });
    for (let i = 0; i < 30; i++) {
      watch = watchAgreement(watch, [{ recordRate: 0.1, samples: 200, disagreed: 0 }], level);
    }
    expect(watch).toEqual(newAgreementWatch);
  });

  it('starts and stops doubting with hysteresis', () => {
    const well = { recordRate: 0.1, samples: 200, disagreed: 0 };
    const little = watchAgreement(newAgreementWatch, [{ ...well, disagreed: 3 }], level);
    expect(little.doubted).toBe(false);
    let watch = watchAgreement(newAgreementWatch, [{ ...well, disagreed: 5 }], level);
    let last = watch;
    while (watch.doubted) {
      last = watch;
      watch = watchAgreement(watch, [well], level);
    }
    expect(Math.max(...last.logCapitals)).toBeLessThan(Math.max(...little.logCapitals));
  });
});
