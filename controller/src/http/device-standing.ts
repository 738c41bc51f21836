import { CloudLink } from '@offramp/contracts';
import type { ErrorCode } from '@offramp/runtime';
import type { GroupStatus } from '../decide/model/fleet-control.js';
import type { DevicePresence } from '../ingest/register/fleet-register.js';
import type { DeviceStanding } from './schemas/index.js';

/** Letters for the states of devices in maps of the fleet. */
export const standingLetters: Record<DeviceStanding, string> = {
  ok: 'o',
  canary: 'c',
  outlier: 'u',
  behind: 'b',
  degraded: 'd',
  failing: 'f',
  offline: 'x',
};

const otherBundleCode: ErrorCode = 'POLICY_OTHER_BUNDLE';

/** A device's most important state, the worst first. */
export function standingOf(
  { device, online, state, latest }: DevicePresence,
  status: Pick<GroupStatus, 'policyVersion' | 'canary' | 'exceptions'> | null,
): DeviceStanding {
  if (!online) return 'offline';
  const otherBundle = state.policyErrorCode === otherBundleCode;
  if ((state.policyError !== '' && !otherBundle) || latest.failed > 0) return 'failing';
  if (state.cloudLink === CloudLink.CLOUD_LINK_DOWN || latest.degraded > 0) return 'degraded';
  if (otherBundle) return 'behind';
  if (!status) return 'ok';
  if (status.exceptions.some((exception) => exception.device === device)) return 'outlier';
  // During a canary, most of the group correctly follows the stable policy.
  if (status.canary) return state.policyVersion === status.canary.policyVersion ? 'canary' : 'ok';
  return state.policyVersion === status.policyVersion ? 'ok' : 'behind';
}
