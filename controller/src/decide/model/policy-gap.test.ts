import { describe, expect, it } from 'vitest';
import { gapText } from '../text/gap-text.js';
import { maxPolicyGaps, type PolicyFollower, policyGaps } from './policy-gap.js';

const [ours, theirs] = ['a'.repeat(64), 'b'.repeat(64)];
const follower = (
  device: string,
  state: Partial<PolicyFollower['state']> = {},
  rest: Partial<PolicyFollower> = {},
): PolicyFollower => ({
  ...{ device, online: true, expected: { version: 5, bundleDigest: ours } },
  state: { bundleDigest: ours, bundleName: 'shoes', policyError: '', ...state },
  ...rest,
});
const anyBundle = { expected: { version: 5, bundleDigest: null } };
const textsOf = (...devices: PolicyFollower[]) => policyGaps(devices).map(gapText);

describe('policyGaps', () => {
  it('finds nobody where all run the bundle of the policy, or where it is for any bundle', () => {
    expect(policyGaps([follower('a'), follower('b')])).toEqual([]);
    expect(policyGaps([follower('a'), follower('b', { bundleDigest: theirs }, anyBundle)])).toEqual([]);
    expect(policyGaps([follower('a', { bundleDigest: theirs }, { online: false })])).toEqual([]);
  });

  it('counts devices with another bundle and names the first of them', () => {
    const others = Array.from({ length: 7 }, (_, i) => follower(`cam-${i}`, { bundleDigest: theirs }));
    expect(policyGaps([follower('a'), ...others])).toEqual([
      {
        ...{ policyVersion: 5, reason: 'other-bundle', policyBundleDigest: ours, bundleDigest: theirs },
        ...{ bundleName: 'shoes', error: '', devices: 7 },
        names: ['cam-0', 'cam-1', 'cam-2', 'cam-3', 'cam-4'],
      },
    ]);
    expect(textsOf(...others)).toEqual([
      '7 devices do not follow policy 5, which is for bundle aaaaaaaaaaaa: cam-0, cam-1, cam-2, cam-3, cam-4 and 2 more run bbbbbbbbbbbb (shoes).',
    ]);
  });

  it('separates reasons, most devices first', () => {
    const wrong = { policyError: 'expected 2 thresholds' };
    const bundle = { bundleDigest: theirs, policyError: 'policy 5 is for another bundle' };
    expect(textsOf(follower('a', bundle), follower('b', wrong), follower('c', wrong))).toEqual([
      '2 devices do not follow policy 5 (b, c): expected 2 thresholds',
      '1 device does not follow policy 5, which is for bundle aaaaaaaaaaaa: a runs bbbbbbbbbbbb (shoes).',
    ]);
    const unread = follower('a', wrong, { expected: { version: 0, bundleDigest: null } });
    expect(textsOf(unread)).toEqual([
      '1 device does not follow the newest policy (a): expected 2 thresholds',
    ]);
  });

  it('is bounded', () => {
    const devices = Array.from({ length: 50 }, (_, i) => follower(`cam-${i}`, { policyError: `error ${i}` }));
    expect(policyGaps(devices)).toHaveLength(maxPolicyGaps);
  });
});
