import { expect, test } from 'vitest';
import { Backoff } from './backoff.js';

test('waits double up to the bound, and start over after a reset', () => {
  const backoff = new Backoff(100, 1_000, () => 0);
  expect([1, 2, 3, 4, 5, 6].map(() => backoff.next())).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  backoff.reset();
  expect(backoff.next()).toBe(100);
});

test('chance takes up to half of a wait, never adds to it', () => {
  const least = new Backoff(100, 1_000, () => 0.999_999);
  expect(least.next()).toBeCloseTo(50, 2);
});

test('the bound holds after any number of failures', () => {
  const backoff = new Backoff(100, 1_000, () => 0);
  for (let i = 0; i < 2_000; i++) backoff.next();
  expect(backoff.next()).toBe(1_000);
});
