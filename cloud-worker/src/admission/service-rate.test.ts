import { expect, test } from 'vitest';
import { ServiceRate } from './service-rate.js';

/** `samples` are settled, one every `everyMs`. @returns the time at the end */
function play(rate: ServiceRate, fromMs: number, samples: number, everyMs: number): number {
  let now = fromMs;
  for (let i = 0; i < samples; i++) {
    now += everyMs;
    rate.onLeft();
    rate.perSampleMs(now);
  }
  return now;
}

test('is unknown before there are enough samples', () => {
  const rate = new ServiceRate();
  expect(rate.perSampleMs(0)).toBeNull();
  rate.setBusy(true, 0);
  play(rate, 0, 2, 10);
  expect(rate.perSampleMs(20)).toBeNull();
});

test('counts busy time only', () => {
  const rate = new ServiceRate();
  rate.setBusy(true, 0);
  const end = play(rate, 0, 50, 4);
  rate.setBusy(false, end);
  expect(rate.perSampleMs(end + 60_000)).toBeCloseTo(4);
});

test('follows what changes', () => {
  const rate = new ServiceRate();
  rate.setBusy(true, 0);
  const slow = play(rate, 0, 500, 10);
  expect(rate.perSampleMs(slow)).toBeCloseTo(10, 0);
  const fast = play(rate, slow, 8_000, 1);
  expect(rate.perSampleMs(fast)).toBeCloseTo(1, 0);
});
