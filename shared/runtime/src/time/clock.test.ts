import { afterEach, expect, it, vi } from 'vitest';
import { systemClock } from './clock.js';

afterEach(() => {
  vi.useRealTimers();
});

const days = (count: number) => count * 86_400_000;

it('waits as long as it is told, also beyond what one timer can, and can be cancelled', () => {
  vi.useFakeTimers();
  const called = vi.fn();
  systemClock.after(days(60), called);
  vi.advanceTimersByTime(days(60) - 1);
  expect(called).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(called).toHaveBeenCalledOnce();
  const cancel = systemClock.after(days(60), called);
  vi.advanceTimersByTime(days(30));
  cancel();
  vi.advanceTimersByTime(days(60));
  expect(called).toHaveBeenCalledOnce();
});

it('never ends a wait without end', () => {
  vi.useFakeTimers();
  const called = vi.fn();
  const cancel = systemClock.after(Number.POSITIVE_INFINITY, called);
  vi.advanceTimersByTime(days(100));
  expect(called).not.toHaveBeenCalled();
  cancel();
});
