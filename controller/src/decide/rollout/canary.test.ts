import { canaryPlace } from '@offramp/contracts';
import { describe, expect, it } from 'vitest';
import { after, start, window } from '../testing/canary-windows.js';
import { addToCanary, canaryBelow, nextShare } from './canary.js';

const names = (count: number) => Array.from({ length: count }, (_, i) => `cam-${i}`);

describe('canaryBelow', () => {
  it.each([
    [2, 0.1, 1],
    [10, 0.25, 3],
    [100, 0.01, 1],
    [100, 1, 99],
  ])('of %d devices and a share of %d, chooses %d', (devices, share, expected) => {
    const below = canaryBelow('g', 7, names(devices), share) ?? 0;
    expect(names(devices).filter((name) => canaryPlace('g', 7, name) < below)).toHaveLength(expected);
  });

  it('tries nothing on one device alone', () => {
    expect(canaryBelow('g', 7, ['only'], 0.5)).toBeNull();
    expect(canaryBelow('g', 7, [], 0.5)).toBeNull();
  });
});

it('widens by samples of canaries alone: to a quarter of devices, then to all', () => {
  const options = { share: 0.1, samples: 100 };
  expect(nextShare(after(window(90), window(10_000)), options)).toBeNull();
  expect(nextShare(after(window(100), window(0)), options)).toBe(0.25);
  expect(nextShare({ ...after(window(100), window(0)), share: 0.25 }, options)).toBe(1);
});

it('keeps a bounded list of audits', () => {
  let canary = start;
  for (let i = 1; i <= 40; i++)
    canary = addToCanary(canary, [{ ...window(100), auditRate: i / 100 }], [], 80);
  expect(canary.audits.length).toBeLessThanOrEqual(16);
  expect(canary.audits.reduce((sum, { samples }) => sum + samples, 0)).toBe(4_000);
});
