import { describe, expect, it } from 'vitest';
import { bundlesInUse } from './bundles-in-use.js';
import { policyForBundle } from './policy-for-bundle.js';

const [many, few] = ['a'.repeat(64), 'b'.repeat(64)];
const devices = (digest: string, branches: number, ...names: string[]) =>
  names.map((device) => ({ device, online: true, bundleDigest: digest, branches }));
const alike = bundlesInUse([...devices(many, 2, 'a', 'b'), ...devices(few, 2, 'c')]);
const different = bundlesInUse([...devices(many, 2, 'a', 'b'), ...devices(few, 3, 'c')]);

describe('policyForBundle', () => {
  it.each([
    ['the most used bundle', [0.9, 0.8], null, alike, many, [0.9, 0.8]],
    ['the only bundle with this number of branches', [1, 1, 1], null, different, few, [1, 1, 1]],
    ['every branch of the most used bundle', [0.9], null, different, many, [0.9, 0.9]],
    ['every branch of a named bundle', [0.9], few.slice(0, 8), different, few, [0.9, 0.9, 0.9]],
    ['any bundle', [0.9], 'any', alike, null, [0.9, 0.9]],
    ['any bundle of a group without devices', [0.9, 0.8], null, [], null, [0.9, 0.8]],
    ['a bundle that devices will get', [0.9, 0.8], few, [], few, [0.9, 0.8]],
  ])('gives thresholds for %s', (_, asked, bundle, bundles, bundleDigest, thresholds) => {
    expect(policyForBundle('cameras', asked, bundle, bundles)).toEqual({ bundleDigest, thresholds });
  });

  it.each([
    [
      'a number of branches that no bundle has',
      [1, 1, 1, 1],
      null,
      /2 devices with 2 branches \(a, b\) and 1 with 3 \(c\), found 4/,
    ],
    ['a number of branches that the named bundle does not have', [1, 1, 1], many, /\(a, b\), found 3/],
    ['one threshold for bundles with different branches', [1], 'any', /same number of branches/],
  ])('refuses %s', (_, asked, bundle, message) => {
    const attempt = () => policyForBundle('cameras', asked, bundle, different);
    expect(attempt).toThrow(expect.objectContaining({ code: 'POLICY_INVALID' }));
    expect(attempt).toThrow(message);
  });
});
