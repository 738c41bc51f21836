import { describe, expect, it } from 'vitest';
import { bytes, count, duration, milliseconds, percent } from './format.js';

describe('formatted numbers', () => {
  it.each([
    [percent(0.9734), '97.3\u00a0%'],
    [percent(1), '100.0\u00a0%'],
    [count(0), '0'],
    [count(9_999), '9,999'],
    [count(12_345), '12.3 k'],
    [count(999_999), '1 M'],
    [count(4_567_000), '4.57 M'],
    [bytes(0), '0 B'],
    [bytes(1_536), '1.5 KiB'],
    [bytes(2 ** 30), '1 GiB'],
    [milliseconds(null), '–'],
    [milliseconds(3.21), '3.2 ms'],
    [milliseconds(1_400), '1.4 s'],
    [duration(45_000), '45 s'],
    [duration(720_000), '12 min'],
  ])('%s', (shown, expected) => {
    expect(shown).toBe(expected);
  });
});
