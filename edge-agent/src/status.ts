import type { Bundle } from '@offramp/bundle';
import {
  type BusLink,
  CloudLink,
  type DeviceStateInit,
  Lifecycle,
  maxReportedTextLength,
} from '@offramp/contracts';
import { offrampVersion, shortText } from '@offramp/runtime';
import type { FleetMembership } from './fleet-membership.js';
import type { LinkCounters, LinkState } from './offload/link-types.js';
import type { OffloadLink } from './offload/offload-link.js';
import type { ActivePolicy, PolicyHolder, PolicyStanding } from './policy/policy-holder.js';
import { type Summary, summarise } from './summary.js';
import type { WindowCounts } from './telemetry/window-counts.js';

/** The phases of an agent's life cycle. */
export type AgentPhase =
  /** Loads stages, and waits briefly for NATS and the worker; takes no samples. */
  | 'starting'
  | 'running'
  /** Takes no new samples, answers those in flight. */
  | 'draining'
  | 'stopped';

/** What `GET /v1/status` answers. */
export interface AgentStatus {
  phase: AgentPhase;
  device: string;
  group: string;
  version: string;
  bundle: { name: string; digest: string; branches: number; stages: number };
  /** Stages that the device runs. */
  deviceStages: number;
  /** The active policy, the device's role, and the version of the group's newest policy. */
  policy: ActivePolicy & PolicyStanding & { error: string | null; errorCode: string | null };
  /** `null`: the device does not offload. */
  cloud: { address: string; state: LinkState; sent: number; queued: number; counters: LinkCounters } | null;
  /** When the device's certificate expires, in ISO 8601; `null` without one. */
  certificateExpires: string | null;
  /** `null`: the agent runs without NATS. */
  nats: { state: BusLink['state']; telemetryBacklog: number } | null;
  inFlight: number;
  totals: Summary;
}

export interface StatusParts {
  phase: AgentPhase;
  config: { group: string; cloud?: string | undefined };
  device: string;
  bundle: Bundle;
  deviceStages: number;
  policy: PolicyHolder;
  link: OffloadLink | null;
  /** In milliseconds since 1970; `null` without a certificate. */
  certificateExpiresMs: number | null;
  /** `null`: the agent runs without NATS. */
  fleet: FleetMembership | null;
  totals: WindowCounts;
  inFlight: number;
}

export function describeStatus(parts: StatusParts): AgentStatus {
  const { bundle, config, policy, link, fleet, certificateExpiresMs } = parts;
  return {
    phase: parts.phase,
    device: parts.device,
    group: config.group,
    version: offrampVersion,
    bundle: {
      name: bundle.manifest.name,
      digest: bundle.digest,
      branches: bundle.branches,
      stages: bundle.manifest.stages.length,
    },
    deviceStages: parts.deviceStages,
    policy: {
      ...policy.current,
      ...policy.standing,
      error: policy.error?.message ?? null,
      errorCode: policy.error?.code ?? null,
    },
    cloud: link && {
      address: config.cloud ?? '',
      state: link.state,
      ...link.inFlight,
      counters: { ...link.counters },
    },
    certificateExpires: certificateExpiresMs === null ? null : new Date(certificateExpiresMs).toISOString(),
    nats: fleet && { state: fleet.connection, telemetryBacklog: fleet.reporter.pending },
    inFlight: parts.inFlight,
    totals: summarise(parts.totals),
  };
}

const lifecycles: Record<AgentPhase, Lifecycle> = {
  starting: Lifecycle.LIFECYCLE_UNSPECIFIED,
  running: Lifecycle.LIFECYCLE_RUNNING,
  draining: Lifecycle.LIFECYCLE_DRAINING,
  stopped: Lifecycle.LIFECYCLE_STOPPED,
};

/** The status in its telemetry form. */
export function deviceState(status: AgentStatus, bundle: Bundle): DeviceStateInit {
  return {
    lifecycle: lifecycles[status.phase],
    agentVersion: status.version,
    bundleDigest: bundle.digestBytes,
    bundleName: status.bundle.name,
    branches: status.bundle.branches,
    deviceStages: status.deviceStages,
    policyVersion: status.policy.version,
    thresholds: [...status.policy.thresholds],
    cloudLink: cloudLink(status),
    policyError: shortText(status.policy.error ?? '', maxReportedTextLength),
    policyErrorCode: status.policy.errorCode ?? '',
    auditRate: status.policy.auditRate,
    maxAuditBytesPerHour: status.policy.maxAuditBytesPerHour,
  };
}

function cloudLink(status: AgentStatus): CloudLink {
  if (status.deviceStages === status.bundle.stages) return CloudLink.CLOUD_LINK_UNUSED;
  const connected = status.cloud?.state === 'ready' || status.cloud?.state === 'paused';
  return connected ? CloudLink.CLOUD_LINK_CONNECTED : CloudLink.CLOUD_LINK_DOWN;
}
