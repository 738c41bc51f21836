import { expect, test } from 'vitest';
import { StageTimes } from './stage-times.js';

test('the time of a sample is the sum of its stage and later ones, per sample', () => {
  const times = new StageTimes(3);
  expect(times.toEndMs(0)).toBe(0);
  times.onBatch(1, 4, 8);
  times.onBatch(2, 2, 6);
  expect(times.toEndMs(0)).toBe(5);
  expect(times.toEndMs(2)).toBe(3);
});

test('follows changes, but not a single batch', () => {
  const times = new StageTimes(1);
  for (let i = 0; i < 10; i++) times.onBatch(0, 1, 2);
  times.onBatch(0, 1, 102);
  expect(times.toEndMs(0)).toBeCloseTo(12);
  for (let i = 0; i < 100; i++) times.onBatch(0, 1, 5);
  expect(times.toEndMs(0)).toBeCloseTo(5, 1);
});
