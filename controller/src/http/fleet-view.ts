import { CloudLink, Lifecycle } from '@offramp/contracts';
import type { GroupGoals, GroupStatus } from '../decide/model/fleet-control.js';
import type { FleetEvent } from '../decide/model/fleet-event.js';
import type { PolicyView } from '../decide/model/policy-view.js';
import { gapText } from '../decide/text/gap-text.js';
import { shortestDecimal } from '../decide/text/shortest-decimal.js';
import type { FleetActivity } from '../ingest/register/fleet-activity.js';
import type { DevicePresence, DeviceView } from '../ingest/register/fleet-register.js';
import { standingOf } from './device-standing.js';
import { canaryShare, policyChanges } from './policy-changes.js';
import type {
  ApiActivity,
  ApiDevice,
  ApiEvent,
  ApiGoals,
  ApiGroup,
  ApiPolicy,
  ApiStatus,
} from './schemas/index.js';

/** A group's stored control state; `null` if it cannot be read. */
export interface GroupControl {
  status: GroupStatus | null;
  goals: GroupGoals | null;
}

/** A group in the API's form. */
export function viewGroup(
  group: string,
  devices: Iterable<DevicePresence>,
  activity: FleetActivity,
  { status, goals }: GroupControl,
): ApiGroup {
  let count = 0;
  let online = 0;
  const bundles = new Set<string>();
  for (const device of devices) {
    count++;
    if (device.online) online++;
    bundles.add(device.state.bundleName);
  }
  return {
    group,
    devices: count,
    online,
    bundles: [...bundles].sort(),
    activity: viewActivity(activity, group),
    status: status && viewStatus(status),
    goals: goals && viewGoals(goals),
  };
}

function viewActivity(activity: FleetActivity, group: string): ApiActivity {
  const counts = activity.activity(group);
  const { inputBytes, offloadBytes } = counts;
  // Agents that do not report what inputs take count nothing.
  return { ...counts, bytesSaved: inputBytes === 0 ? 0 : inputBytes - offloadBytes };
}

export function viewStatus({ decidedAt, policyGaps, ...status }: GroupStatus): ApiStatus {
  return {
    ...status,
    decidedAt: decidedAt?.toISOString() ?? null,
    policyGaps: policyGaps.map((gap) => ({ ...gap, text: gapText(gap) })),
  };
}

export function viewGoals({ setAt, ...goals }: GroupGoals): ApiGoals {
  return { ...goals, setAt: setAt?.toISOString() ?? null };
}

export function viewEvent({ at, ...event }: FleetEvent): ApiEvent {
  return { ...event, at: at.toISOString() };
}

/**
 * @param history oldest first
 * @returns newest first
 */
export function viewPolicies(history: readonly PolicyView[]): ApiPolicy[] {
  return history
    .map((policy, i) => ({
      ...{ group: policy.group, version: policy.version, thresholds: policy.thresholds },
      ...{
        bundleDigest: policy.bundleDigest,
        auditRate: policy.auditRate,
        maxAuditBytesPerHour: policy.maxAuditBytesPerHour,
      },
      ...{ author: policy.author, reason: policy.reason, setAt: policy.setAt.toISOString() },
      ...{ canaryShare: canaryShare(policy), exceptions: policy.exceptions.map(({ device }) => device) },
      ...{ latencyTargetMs: policy.latencyTargetMs, requestId: policy.requestId },
      changes: policyChanges(history[i - 1] ?? null, policy),
    }))
    .reverse();
}

const lifecycles: Record<Lifecycle, ApiDevice['lifecycle']> = {
  [Lifecycle.LIFECYCLE_UNSPECIFIED]: 'unknown',
  [Lifecycle.LIFECYCLE_RUNNING]: 'running',
  [Lifecycle.LIFECYCLE_DRAINING]: 'draining',
  [Lifecycle.LIFECYCLE_STOPPED]: 'stopped',
};
const cloudLinks: Record<CloudLink, ApiDevice['cloudLink']> = {
  [CloudLink.CLOUD_LINK_UNSPECIFIED]: 'unknown',
  [CloudLink.CLOUD_LINK_UNUSED]: 'unused',
  [CloudLink.CLOUD_LINK_CONNECTED]: 'connected',
  [CloudLink.CLOUD_LINK_DOWN]: 'down',
};

export function viewDevice(
  { state, ...device }: DeviceView,
  status: GroupStatus | null,
  newestPolicyVersion: number,
): ApiDevice {
  const { lifecycle, cloudLink, ...rest } = state;
  return {
    ...device,
    ...rest,
    thresholds: state.thresholds.map(shortestDecimal),
    auditRate: shortestDecimal(state.auditRate),
    standing: standingOf({ ...device, state }, status),
    // A newer agent may use values that this controller does not know.
    lifecycle: lifecycles[lifecycle] ?? 'unknown',
    cloudLink: cloudLinks[cloudLink] ?? 'unknown',
    newestPolicyVersion,
  };
}
