import { CloudLink } from '@offramp/shared';
import type { GroupStatus } from '../control/fleet-control.js';
import type { DevicePresence } from '../register/fleet-register.js';
import type { DeviceStanding } from './schemas/index.js';

/** How devices are sent to maps of the fleet: a letter each. */
export const standingLetters: Record<DeviceStanding, string> = {
  ok: 'o',
  canary: 'c',
  apart: 'a',
  behind: 'b',
  degraded: 'd',
  failing: 'f',
  offline: 'x',
};

/** What matters most about a device, the worst first. */
export function standingOf(
  { device, online, state, latest }: DevicePresence,
  status: Pick<GroupStatus, 'policyVersion' | 'canary' | 'exceptions'> | null,
): DeviceStanding {
  if (!online) return 'offline';
  if (state.policyError !== '' || latest.failed > 0) return 'failing';
  if (state.cloudLink === CloudLink.CLOUD_LINK_DOWN || latest.degraded > 0) return 'degraded';
  if (!status) return 'ok';
  if (status.exceptions.some((exception) => exception.device === device)) return 'apart';
  // While there is a canary, most of the group rightly follows the policy before it.
  if (status.canary) return state.policyVersion === status.canary.policyVersion ? 'canary' : 'ok';
  return state.policyVersion === status.policyVersion ? 'ok' : 'behind';
}
