import { maxThreshold } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import { shortestDecimal } from '../text/shortest-decimal.js';

export const maxBranches = 255;

/**
 * The thresholds of a new policy, one per branch.
 * @param asked one per branch, or one for every branch
 * @param branches what the group's devices report: each number of branches, with the devices that have it
 * @throws OfframpError `POLICY_INVALID`
 */
export function policyThresholds(
  group: string,
  asked: readonly number[],
  branches: ReadonlyMap<number, readonly string[]>,
): number[] {
  if (asked.length === 0 || asked.length > maxBranches) {
    throw new OfframpError(
      'POLICY_INVALID',
      `expected 1 to ${maxBranches} thresholds, found ${asked.length}`,
    );
  }
  const wrong = asked.find((threshold) => !(threshold >= 0 && threshold <= maxThreshold));
  if (wrong !== undefined) {
    throw new OfframpError(
      'POLICY_INVALID',
      `expected thresholds from 0 to ${maxThreshold}, found ${shortestDecimal(wrong)}`,
    );
  }
  const counts = [...branches.keys()].sort((a, b) => a - b);
  if (counts.length === 0) {
    if (asked.length > 1) return [...asked];
    throw new OfframpError(
      'POLICY_INVALID',
      `group ${group} has no devices yet, so the number of branches is not known`,
      { hint: 'Give one threshold per branch of the bundle, or start a device of the group first.' },
    );
  }
  if (asked.length === 1) {
    const [only] = counts;
    if (counts.length === 1 && only !== undefined) return new Array<number>(only).fill(asked[0] as number);
    throw new OfframpError(
      'POLICY_INVALID',
      `one threshold for every branch needs devices with the same number of branches; group ${group} has ${describe(branches, counts)}`,
      { hint: 'Give one threshold per branch of one of the bundles, or name one of the bundles.' },
    );
  }
  // While a group moves from one bundle to another, a policy for either can be set. Devices
  // with the other bundle keep their policy and report it.
  if (!branches.has(asked.length)) {
    throw new OfframpError(
      'POLICY_INVALID',
      `expected one threshold per branch; group ${group} has ${describe(branches, counts)}, found ${asked.length} thresholds`,
    );
  }
  return [...asked];
}

/** `2 devices with 3 branches (a, b) and 1 with 4 (c)` */
function describe(branches: ReadonlyMap<number, readonly string[]>, counts: readonly number[]): string {
  return counts
    .map((count, i) => {
      const devices = branches.get(count) ?? [];
      const names = devices.length > 3 ? [...devices.slice(0, 3), '…'] : devices;
      const noun = i === 0 ? (devices.length === 1 ? ' device' : ' devices') : '';
      const branchNoun = i === 0 ? (count === 1 ? ' branch' : ' branches') : '';
      return `${devices.length}${noun} with ${count}${branchNoun} (${names.join(', ')})`;
    })
    .join(' and ');
}
