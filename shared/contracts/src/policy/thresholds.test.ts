import { describe, expect, it } from 'vitest';
import { checkThresholds, leaves, neverExit } from './thresholds.js';

describe('leaves', () => {
  it.each([
    [0.8, 0.8, true],
    [0.79, 0.8, false],
    [1, 1, true],
    [1, 1.001, false],
    [0, 0, true],
    [Number.NaN, 0, false],
    [Number.NaN, 0.1, false],
    [Number.NaN, 2, false],
  ])('confidence %d, threshold %d: %s', (confidence, threshold, expected) => {
    expect(leaves(confidence, threshold)).toBe(expected);
  });

  it('never exits under neverExit', () => {
    expect(neverExit(3)).toHaveLength(3);
    for (const threshold of neverExit(3)) expect(leaves(1, threshold)).toBe(false);
  });
});

describe('checkThresholds', () => {
  it('takes one per branch, from 0 to far above all confidences', () => {
    expect(() => checkThresholds([0, 0.5, 1e6], 3)).not.toThrow();
    expect(() => checkThresholds([], 0)).not.toThrow();
  });

  it.each([
    [[0.5], 2, 'expected 2 thresholds, one per branch of the bundle; found 1'],
    [[0.5, 0.5, 0.5], 2, 'found 3'],
    [[0.5, -0.1], 2, 'expected thresholds from 0 to 1000000; found -0.1'],
    [[1e39, 0.5], 2, 'found 1e+39'],
    [[Number.NaN, 0.5], 2, 'found NaN'],
    [[0.5, Number.POSITIVE_INFINITY], 2, 'found Infinity'],
  ])('refuses %j for %d branches', (thresholds, branches, message) => {
    expect(() => checkThresholds(thresholds, branches)).toThrow(message);
    expect(() => checkThresholds(thresholds, branches)).toThrow(
      expect.objectContaining({ code: 'POLICY_INVALID' }),
    );
  });
});
