import { type ExpectedPolicy, expectedPolicy } from './expected-policy.js';
import type { PolicyContent } from './policy-view.js';

/** The facts that show whether a device follows the policy that it should follow. */
export interface PolicyFollower {
  device: string;
  online: boolean;
  expected: ExpectedPolicy;
  state: {
    /** In hexadecimal. */
    bundleDigest: string;
    bundleName: string;
    /** Why it refused the newest policy; empty: it did not. */
    policyError: string;
  };
}

/** Devices of a group that do not follow the policy that they should follow, all for the same reason. */
export interface PolicyGap {
  /** Of the policy that they should follow; 0: it cannot be read. */
  policyVersion: number;
  /** `other-bundle`: the policy is for another bundle than theirs. `refused`: they cannot apply it. */
  reason: 'other-bundle' | 'refused';
  /** `other-bundle`: the bundle that the policy is for, in hexadecimal; else empty. */
  policyBundleDigest: string;
  /** `other-bundle`: the bundle that the devices run; else empty. */
  bundleDigest: string;
  bundleName: string;
  /** `refused`: the devices' message; else empty. */
  error: string;
  /** Number of devices. */
  devices: number;
  /** Names of the first of them. */
  names: string[];
}

/** Gaps of a group that are listed, those with the most devices first. */
export const maxPolicyGaps = 8;
/** Devices of a gap that are named. */
export const maxGapNames = 5;

/**
 * The online devices of a group that do not follow its policy. A device that has not received it yet is not among them.
 * @returns the gaps with the most devices first
 */
export function policyGaps(devices: Iterable<PolicyFollower>): PolicyGap[] {
  const gaps = new Map<string, PolicyGap>();
  for (const follower of devices) {
    const found = follower.online ? gapOf(follower) : null;
    if (!found) continue;
    const key = JSON.stringify(found);
    const gap = gaps.get(key) ?? { ...found, devices: 0, names: [] };
    gaps.set(key, gap);
    gap.devices++;
    if (gap.names.length < maxGapNames) gap.names.push(follower.device);
  }
  return [...gaps.values()].sort((a, b) => b.devices - a.devices).slice(0, maxPolicyGaps);
}

/** {@link policyGaps} of a group. @param policy the group's newest */
export function groupPolicyGaps(
  policy: PolicyContent | null,
  devices: Iterable<Omit<PolicyFollower, 'expected'>>,
): PolicyGap[] {
  const digests = [policy?.bundleDigest, policy?.canary?.stable.bundleDigest].filter(
    (digest) => digest != null,
  );
  const followers: PolicyFollower[] = [];
  for (const { device, online, state } of devices) {
    // Hashing the names of all devices of a large group, to tell its canaries, takes long.
    const follows = state.policyError === '' && digests.every((digest) => digest === state.bundleDigest);
    if (!follows) followers.push({ device, online, state, expected: expectedPolicy(policy, device) });
  }
  return policyGaps(followers);
}

function gapOf({ expected, state }: PolicyFollower): Omit<PolicyGap, 'devices' | 'names'> | null {
  const { bundleDigest, bundleName, policyError } = state;
  const { version: policyVersion, bundleDigest: policyBundleDigest } = expected;
  if (policyBundleDigest !== null && policyBundleDigest !== bundleDigest) {
    return { policyVersion, reason: 'other-bundle', policyBundleDigest, bundleDigest, bundleName, error: '' };
  }
  if (policyError === '') return null;
  const noBundle = { policyBundleDigest: '', bundleDigest: '', bundleName: '' };
  return { policyVersion, reason: 'refused', ...noBundle, error: policyError };
}
