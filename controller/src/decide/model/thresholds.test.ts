import { describe, expect, it } from 'vitest';
import { policyThresholds } from './thresholds.js';

const branches = (...counts: number[]) => new Map(counts.map((count) => [count, [`device-${count}`]]));

describe('policyThresholds', () => {
  it('applies a single threshold to every branch of the devices', () => {
    expect(policyThresholds('g', [0.9], branches(3))).toEqual([0.9, 0.9, 0.9]);
    expect(policyThresholds('g', [0.9], branches(1))).toEqual([0.9]);
  });

  it('accepts one per branch, also before there are devices, and for either bundle of a mixed group', () => {
    expect(policyThresholds('g', [0.9, 2], branches(2))).toEqual([0.9, 2]);
    expect(policyThresholds('g', [0.9, 2], branches())).toEqual([0.9, 2]);
    expect(policyThresholds('g', [0.9, 2], branches(2, 3))).toEqual([0.9, 2]);
  });

  it.each([
    ['none', [], branches(2), 'found 0'],
    ['too many', new Array<number>(300).fill(1), branches(), 'found 300'],
    ['a negative one', [-0.1], branches(2), 'found -0.1'],
    ['NaN', [Number.NaN], branches(2), 'found NaN'],
    ['an infinite one', [0.5, Number.POSITIVE_INFINITY], branches(2), 'found Infinity'],
    [
      'a wrong count',
      [0.9, 0.8, 0.7],
      branches(2),
      '1 device with 2 branches (device-2), found 3 thresholds',
    ],
    ['a single one for a group without devices', [0.9], branches(), 'no devices yet'],
    [
      'a single one for a mixed group',
      [0.9],
      branches(4, 3),
      '1 device with 3 branches (device-3) and 1 with 4 (device-4)',
    ],
  ])('refuses %s', (_, asked, found, message) => {
    const attempt = () => policyThresholds('g', asked, found);
    expect(attempt).toThrow(expect.objectContaining({ code: 'POLICY_INVALID' }));
    expect(attempt).toThrow(message);
  });
});
