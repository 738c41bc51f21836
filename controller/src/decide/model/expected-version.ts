import { canaryPlace } from '@offramp/contracts';
import type { PolicyContent } from './policy-view.js';

/** Number of the policy that a device of the group should follow; 0: the thresholds of its bundle. */
export function expectedVersion(policy: PolicyContent | null, device: string): number {
  if (!policy) return 0;
  const { group, version, canary, exceptions } = policy;
  if (!canary || exceptions.some((exception) => exception.device === device)) return version;
  return canaryPlace(group, version, device) < canary.below ? version : canary.stable.version;
}
