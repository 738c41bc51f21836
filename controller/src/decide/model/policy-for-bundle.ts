import { type BundleDevice, type BundleInUse, chooseBundle } from './bundles-in-use.js';
import { policyThresholds } from './thresholds.js';

export interface BranchedDevice extends BundleDevice {
  branches: number;
}

/**
 * The bundle and the thresholds of a policy that an operator sets.
 * @param asked one per branch, or one for every branch
 * @param bundle as in {@link chooseBundle}; `null`: the most used bundle with this number of branches
 * @param bundles of the group, from `bundlesInUse`
 * @returns `bundleDigest`: `null` for any bundle
 * @throws OfframpError `POLICY_INVALID`
 */
export function policyForBundle(
  group: string,
  asked: readonly number[],
  bundle: string | null,
  bundles: readonly BundleInUse<BranchedDevice>[],
): { bundleDigest: string | null; thresholds: number[] } {
  const fits = ({ devices }: BundleInUse<BranchedDevice>) =>
    devices.some(({ branches }) => branches === asked.length);
  const fitting = bundle === null && asked.length > 1 ? bundles.filter(fits) : bundles;
  const bundleDigest = chooseBundle(group, bundle, fitting.length > 0 ? fitting : bundles);
  const meant =
    fitting.length === 0 || bundleDigest === null
      ? bundles
      : fitting.filter(({ digest }) => digest === bundleDigest);
  return { bundleDigest, thresholds: policyThresholds(group, asked, branchesOf(meant)) };
}

/** Numbers of branches, with the devices that have them. */
function branchesOf(bundles: readonly BundleInUse<BranchedDevice>[]): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const { device, branches } of bundles.flatMap(({ devices }) => devices)) {
    const same = found.get(branches);
    if (same) same.push(device);
    else found.set(branches, [device]);
  }
  return found;
}
