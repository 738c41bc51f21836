import { expect, test } from 'vitest';
import { seededRandom } from '../testing/seeded-random.js';
import { overdispersion } from './overdispersion.js';

/** Windows of `samples` samples, each counted `times` times. */
function windows(seed: number, count: number, samples: number, times: number, power = 1): number[][] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const histogram = new Array<number>(64).fill(0);
    for (let i = 0; i < samples; i++) {
      const bin = Math.floor(64 * random() ** power);
      histogram[bin] = (histogram[bin] as number) + times;
    }
    return histogram;
  });
}

test('independent samples count as one each, or nearly', () => {
  for (let seed = 0; seed < 20; seed++) {
    expect(overdispersion([windows(seed, 20, 100, 1)])).toBeLessThan(1.15);
    expect(overdispersion([windows(seed, 20, 10, 1)])).toBeLessThan(1.15);
  }
});

test('the same sample many times counts as one', () => {
  expect(overdispersion([windows(1, 30, 20, 10)])).toBeGreaterThan(8);
  expect(overdispersion([windows(2, 30, 20, 10)])).toBeLessThan(12);
});

test('stretches that differ from each other but not internally count in full', () => {
  expect(overdispersion([windows(1, 10, 100, 1), windows(2, 10, 100, 1, 4)])).toBeLessThan(1.15);
  expect(overdispersion([[...windows(1, 10, 100, 1), ...windows(2, 10, 100, 1, 4)]])).toBeGreaterThan(2);
});

test('a single window gives no estimate', () => {
  expect(overdispersion([windows(1, 1, 100, 1), []])).toBe(1);
});
