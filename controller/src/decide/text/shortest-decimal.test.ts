import { expect, it } from 'vitest';
import { shortestDecimal } from './shortest-decimal.js';

it.each([0, 0.9, 0.125, 1, 2, 0.987654321, 1e-7, 123456.79])(
  'recovers %d from its binary32 form',
  (value) => {
    const float32 = Math.fround(value);
    const decimal = shortestDecimal(float32);
    expect(Math.fround(decimal)).toBe(float32);
    expect(String(decimal).length).toBeLessThanOrEqual(String(value).length);
  },
);
