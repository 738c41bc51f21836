import { describe, expect, it } from 'vitest';
import { bundlesInUse, bundlesText, chooseBundle } from './bundles-in-use.js';

const [first, second] = ['aaaaaaaa11'.padEnd(64, '0'), 'aaaaaaaa22'.padEnd(64, '0')];
const device = (name: string, bundleDigest: string, online = true) => ({
  device: name,
  online,
  bundleDigest,
});
const mixed = bundlesInUse([device('a', second), device('b', first), device('c', second)]);

describe('bundlesInUse', () => {
  it('gives the most used bundle first, with its devices', () => {
    expect(bundlesText(mixed)).toBe('aaaaaaaa2200 (2 devices: a, c), aaaaaaaa1100 (1 device: b)');
  });

  it('counts offline devices only if no device is online', () => {
    const off = [device('b', first, false), device('c', first, false)];
    expect(bundlesInUse([device('a', second), ...off]).map(({ digest }) => digest)).toEqual([second]);
    expect(bundlesInUse(off).map(({ devices }) => devices.length)).toEqual([2]);
    expect(bundlesInUse([])).toEqual([]);
  });
});

describe('chooseBundle', () => {
  it.each([
    ['the most used bundle', null, second],
    ['any bundle', 'any', null],
    ['the bundle with these digits', first.slice(0, 10), first],
    ['the bundle with this digest', first, first],
  ])('chooses %s', (_, asked, digest) => {
    expect(chooseBundle('cameras', asked, mixed)).toBe(digest);
  });

  it('takes a full digest for a group without devices', () => {
    expect(chooseBundle('cameras', first, [])).toBe(first);
    expect(chooseBundle('cameras', null, [])).toBeNull();
  });

  it.each([
    [
      'digits of several bundles',
      'aaaaaaaa',
      mixed,
      /aaaaaaaa2200 \(2 .*; found digits of several, aaaaaaaa/,
    ],
    [
      'a bundle that no device runs',
      'b'.repeat(64),
      mixed,
      /aaaaaaaa1100 \(1 device: b\); found bbbbbbbbbbbb/,
    ],
    ['digits before there are devices', 'aaaaaaaa', [], /no devices yet; expected all 64 digits .* found 8/],
  ])('refuses %s', (_, asked, bundles, message) => {
    const attempt = () => chooseBundle('cameras', asked, bundles);
    expect(attempt).toThrow(expect.objectContaining({ code: 'POLICY_INVALID' }));
    expect(attempt).toThrow(message);
  });
});
