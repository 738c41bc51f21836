import { defaultMaxAuditBytesPerHour, type PolicyInit, type PolicyMessage, v1 } from '@offramp/contracts';
import { shortestDecimal } from '../text/shortest-decimal.js';

/** A policy without canary and exceptions. The fields are those of `Policy` in `fleet.proto`. */
export interface PlainPolicy {
  group: string;
  /** Consecutive, from 1. 0, only in a canary's `stable`: the thresholds of the devices' bundles. */
  version: number;
  thresholds: number[];
  /** The bundle that the thresholds are for, in hex; `null`: any with this number of branches. */
  bundleDigest: string | null;
  /** Empty: not given. */
  author: string;
  reason: string;
  /** Share of samples that devices audit, in [0, 1]. */
  auditRate: number;
  /** Limit of the bytes that audits of one device send in an hour. */
  maxAuditBytesPerHour: number;
  /** Milliseconds beyond which an answer is late; `null`: none is. */
  latencyTargetMs: number | null;
}

export interface CanaryView {
  /** Devices whose `canaryPlace` is below this follow the policy, in [0, 2³²). */
  below: number;
  /** The policy of the other devices. */
  stable: PlainPolicy;
}

/** Thresholds of an outlier device. */
export interface DeviceExceptionView {
  device: string;
  thresholds: number[];
  auditRate: number;
}

/** The full content of a policy. */
export interface PolicyContent extends PlainPolicy {
  /** `null`: the whole group follows it. */
  canary: CanaryView | null;
  exceptions: DeviceExceptionView[];
}

/** A group's policy, as stored in the bucket. */
export interface PolicyView extends PolicyContent {
  /** By the NATS server's clock. */
  setAt: Date;
  /** Of the request that set it; empty: a controller decided it. */
  requestId: string;
}

/** A group's entry in the bucket. */
export interface NewestPolicy {
  /** `null` if the group has none, or if it was deleted. */
  policy: PolicyView | null;
  /** The highest version so far; 0: none. */
  version: number;
  /** Revision of the key in the bucket, for compare-and-set; 0: there is no such key. */
  revision: number;
}

const emptyPolicy = v1.Policy.decode(new Uint8Array(0));

/** A canary without a stable policy gets an empty one. */
export function readPolicyMessage(message: PolicyMessage): PolicyContent {
  const { canary } = message;
  return {
    ...readPlain(message),
    canary: canary && { below: canary.below, stable: readPlain(canary.stable ?? emptyPolicy) },
    exceptions: message.exceptions.map(({ device, thresholds, auditRate }) => ({
      device,
      thresholds: thresholds.map(shortestDecimal),
      auditRate: shortestDecimal(auditRate),
    })),
  };
}

export function writePolicyMessage({ canary, exceptions, ...policy }: PolicyContent): PolicyInit {
  return {
    ...writePlain(policy),
    canary: canary && { below: canary.below, stable: writePlain(canary.stable) },
    exceptions: exceptions.map(({ device, thresholds, auditRate }) => ({ device, thresholds, auditRate })),
  };
}

function readPlain(message: PolicyMessage): PlainPolicy {
  return {
    group: message.group,
    version: message.version,
    thresholds: message.thresholds.map(shortestDecimal),
    bundleDigest: message.bundleDigest.length > 0 ? Buffer.from(message.bundleDigest).toString('hex') : null,
    author: message.author,
    reason: message.reason,
    auditRate: shortestDecimal(message.auditRate ?? 0),
    maxAuditBytesPerHour: message.maxAuditBytesPerHour ?? defaultMaxAuditBytesPerHour,
    latencyTargetMs: message.latencyTargetMs,
  };
}

function writePlain(policy: PlainPolicy): PolicyInit {
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

/** Whether devices would see the same policy: numbers are compared as the wire carries them. */
export function samePolicy(a: PolicyContent, b: PolicyContent): boolean {
  const bytes = (policy: PolicyContent) => v1.Policy.encode(writePolicyMessage(policy)).finish();
  return Buffer.compare(bytes(a), bytes(b)) === 0;
}

/** A policy without the time and the request by which it was set. */
export function contentOf(policy: PolicyContent): PolicyContent {
  const { group, version, thresholds, bundleDigest, author, reason } = policy;
  const { auditRate, maxAuditBytesPerHour, latencyTargetMs, canary, exceptions } = policy;
  return {
    ...{ group, version, thresholds, bundleDigest, author, reason },
    ...{ auditRate, maxAuditBytesPerHour, latencyTargetMs, canary, exceptions },
  };
}
