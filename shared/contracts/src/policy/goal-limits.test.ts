import { describe, expect, it } from 'vitest';
import { beyondLimit, expectedFound, goalLimits } from './goal-limits.js';

describe('beyondLimit', () => {
  it.each([
    ['floor', [1e-9, 0.98], [0, 1, 98, Number.NaN]],
    ['ceiling', [0, 0.2, 1], [-0.1, 1.01]],
    ['perSecond', [0, 1e6], [-1, 1e6 + 1, Number.POSITIVE_INFINITY]],
    ['targetMs', [0.1, 3_600_000], [0, 3_600_001]],
    ['quantile', [0.5], [0, 1]],
  ] as const)('%s', (name, good, bad) => {
    const limit = goalLimits[name];
    for (const value of good) expect(beyondLimit(limit, value)).toBeNull();
    for (const value of bad) {
      expect(beyondLimit(limit, value)).toBe(`expected ${limit.expected}; found ${value}`);
    }
  });
});

it.each([
  [undefined, 'nothing'],
  ['high', '"high"'],
  [{ kind: 1 }, '{"kind":1}'],
  ['x'.repeat(100), `"${'x'.repeat(59)}…`],
])('says what was found: %j', (found, shown) => {
  expect(expectedFound('a share', found)).toBe(`expected a share; found ${shown}`);
});
