import { canaryPlace } from '@offramp/contracts';
import type { PolicyContent } from './policy-view.js';

/** The part of its group's newest policy that a device should follow. */
export interface ExpectedPolicy {
  /** 0: the thresholds of its bundle. */
  version: number;
  /** The bundle that the policy is for, in hexadecimal; `null`: any bundle. */
  bundleDigest: string | null;
}

const none: ExpectedPolicy = { version: 0, bundleDigest: null };

/** @param policy the newest policy of the device's group */
export function expectedPolicy(policy: PolicyContent | null, device: string): ExpectedPolicy {
  if (!policy) return none;
  const { group, version, canary, exceptions } = policy;
  const followsNewest =
    !canary ||
    exceptions.some((exception) => exception.device === device) ||
    canaryPlace(group, version, device) < canary.below;
  const { version: expected, bundleDigest } = followsNewest ? policy : canary.stable;
  return expected === 0 ? none : { version: expected, bundleDigest };
}
