import { defaultMaxAuditBytesPerHour, type PolicyMessage } from '@offramp/shared';
import { shortestDecimal } from '../shortest-decimal.js';

/** What those of a group follow that are not in a canary; the fields are those of `Policy` in `fleet.proto`. */
export interface PlainPolicy {
  group: string;
  /** Counted up by one from 1. 0, in a canary's `stable` only: the thresholds of the devices' bundles. */
  version: number;
  thresholds: number[];
  /** The bundle that the thresholds are for, in hex; `null`: any with as many branches. */
  bundleDigest: string | null;
  /** Empty: nobody said. */
  author: string;
  reason: string;
  /** Share of samples that devices audit, in [0, 1]. */
  auditRate: number;
  /** Bytes that audits of one device may send in an hour. */
  maxAuditBytesPerHour: number;
  /** Milliseconds beyond which an answer is late; `null`: none is. */
  latencyTargetMs: number | null;
}

export interface CanaryView {
  /** Devices whose `canaryPlace` is below this follow the policy, in [0, 2³²). */
  below: number;
  /** What the others follow. */
  stable: PlainPolicy;
}

/** Thresholds of a device whose traffic is not its group's. */
export interface DeviceExceptionView {
  device: string;
  thresholds: number[];
  auditRate: number;
}

/** All that a policy says. */
export interface PolicyContent extends PlainPolicy {
  /** `null`: the whole group follows it. */
  canary: CanaryView | null;
  exceptions: DeviceExceptionView[];
}

/** A policy of a group, as it stands in the bucket. */
export interface PolicyView extends PolicyContent {
  /** By the NATS server's clock. */
  setAt: Date;
}

/** Fills in what proto3, or a policy of old, leaves out. */
export function readPolicyMessage(message: PolicyMessage): PolicyContent {
  const { canary } = message;
  return {
    ...readPlain(message),
    canary: canary ? { below: canary.below ?? 0, stable: readPlain(canary.stable ?? {}) } : null,
    exceptions: (message.exceptions ?? []).map((exception) => ({
      device: exception.device ?? '',
      thresholds: (exception.thresholds ?? []).map(shortestDecimal),
      auditRate: shortestDecimal(exception.auditRate ?? 0),
    })),
  };
}

export function writePolicyMessage({ canary, exceptions, ...policy }: PolicyContent): PolicyMessage {
  return {
    ...writePlain(policy),
    canary: canary && { below: canary.below, stable: writePlain(canary.stable) },
    exceptions: exceptions.map(({ device, thresholds, auditRate }) => ({ device, thresholds, auditRate })),
  };
}

function readPlain(message: PolicyMessage): PlainPolicy {
  return {
    group: message.group ?? '',
    version: message.version ?? 0,
    thresholds: (message.thresholds ?? []).map(shortestDecimal),
    bundleDigest: message.bundleDigest?.length ? Buffer.from(message.bundleDigest).toString('hex') : null,
    author: message.author ?? '',
    reason: message.reason ?? '',
    auditRate: shortestDecimal(message.auditRate ?? 0),
    maxAuditBytesPerHour: message.maxAuditBytesPerHour ?? defaultMaxAuditBytesPerHour,
    latencyTargetMs: message.latencyTargetMs ?? null,
  };
}

function writePlain(policy: PlainPolicy): PolicyMessage {
  return {
    group: policy.group,
    version: policy.version,
    thresholds: policy.thresholds,
    bundleDigest: Buffer.from(policy.bundleDigest ?? '', 'hex'),
    author: policy.author,
    reason: policy.reason,
    auditRate: policy.auditRate,
    maxAuditBytesPerHour: policy.maxAuditBytesPerHour,
    latencyTargetMs: policy.latencyTargetMs,
  };
}
