import { ManualClock } from '@offramp/runtime/testing';
import { expect, test } from 'vitest';
import { ByteBudget } from './byte-budget.js';

const minuteMs = 60_000;

test('no hour grants more than its bytes, and all of them can be used', () => {
  const clock = new ManualClock();
  const budget = new ByteBudget(clock);
  const sentAt: number[] = [];
  for (let minute = 0; minute < 600; minute++) {
    while (budget.take(10, 12_000)) sentAt.push(minute);
    clock.advance(minuteMs);
  }
  for (let from = 0; from < 540; from++) {
    const bytes = 10 * sentAt.filter((minute) => minute >= from && minute < from + 60).length;
    expect(bytes).toBeLessThanOrEqual(12_000);
  }
  expect(sentAt.length * 10).toBeGreaterThan(10 * 12_000 * 0.9);
});

test('a tensor that is larger than the burst passes when the bucket is full', () => {
  const clock = new ManualClock();
  const budget = new ByteBudget(clock);
  let sent = 0;
  for (let minute = 0; minute < 600; minute++) {
    if (budget.take(5_000, 12_000)) sent++;
    clock.advance(minuteMs);
  }
  expect(sent * 5_000).toBeGreaterThan(10 * 12_000 * 0.7);
  expect(sent * 5_000).toBeLessThanOrEqual(10 * 12_000);
});

test('a budget of 0 allows nothing, and a new budget applies at once', () => {
  const clock = new ManualClock();
  const budget = new ByteBudget(clock);
  expect(budget.take(1, 0)).toBe(false);
  expect(budget.take(1_000, 12_000)).toBe(true);
  expect(budget.allows(1_000, 12_000)).toBe(false);
  expect(budget.allows(1_000, 120_000)).toBe(true);
});
