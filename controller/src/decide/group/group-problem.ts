import type { Goal } from '../model/goals.js';
import type { GroupInputs } from '../model/group-inputs.js';

/** Why a group cannot be tuned, as a sentence; `null` if it can. */
export function groupProblem(
  goals: readonly Goal[],
  { bundle, bundleDigest, devices }: Pick<GroupInputs, 'bundle' | 'bundleDigest' | 'devices'>,
): string | null {
  if (goals.length === 0) return 'No goal is set.';
  if (devices.length === 0 || !bundleDigest) return 'No device has reported yet.';
  if (bundle?.thresholds.length === 0) {
    return 'The bundle has no branches, so there are no thresholds to set.';
  }
  if (bundle) return null;
  return `The calibration table of bundle ${bundleDigest.slice(0, 12)} is not known: start the controller with --bundle, or give it with \`offramp fleet bundle add\`.`;
}
