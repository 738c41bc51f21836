import {
  beyondLimit,
  canaryPlace,
  checkAuditRate,
  checkThresholds,
  defaultMaxAuditBytesPerHour,
  goalLimits,
  maxPolicyBytes,
  maxPolicyExceptions,
  type PolicyMessage,
  v1,
} from '@offramp/contracts';
import { messageOf, OfframpError, quoted, shortDigest } from '@offramp/runtime';

/** The policy under which new samples start. Immutable. */
export interface ActivePolicy {
  /** 0: the bundle's own thresholds. */
  readonly version: number;
  /** One per branch, each exactly a float32, so that device and worker compare with the same number. */
  readonly thresholds: readonly number[];
  /** Share of samples that are audited, in [0, 1]. */
  readonly auditRate: number;
  /** Bytes that audits may send in an hour. */
  readonly maxAuditBytesPerHour: number;
  /** Milliseconds beyond which an answer is late; `null`: none is. */
  readonly latencyTargetMs: number | null;
}

export interface PolicyScope {
  group: string;
  device: string;
  branches: number;
  /** Of the bundle, 32 bytes. */
  bundleDigest: Uint8Array;
}

/** A device's role in its group's policy. */
export type PolicyRole =
  /** No policy was received: the bundle's own thresholds apply. */
  | 'bundle'
  /** It follows the group's policy, as the whole group does. */
  | 'group'
  /** It is among the first to follow a new policy. */
  | 'canary'
  /** It is not a canary, and follows the previous policy. */
  | 'stable'
  /** It has thresholds of its own, under the policy's number. */
  | 'exception';

export interface FollowedPolicy {
  policy: ActivePolicy;
  role: PolicyRole;
  newestVersion: number;
}

/**
 * The part of its group's newest policy that a device follows. Parts for other devices are checked for their form only,
 * because they may be for another bundle.
 * @param bytes a `Policy`, as stored in the bucket; may be anything
 * @param bundleThresholds one per branch
 * @throws OfframpError `POLICY_INVALID`, `POLICY_OTHER_BUNDLE`
 */
export function readPolicy(
  bytes: Uint8Array,
  scope: PolicyScope,
  bundleThresholds: readonly number[],
): FollowedPolicy {
  const message = decode(bytes);
  const newestVersion = checkHeader(message, scope);
  const { canary } = message;
  const stable = canary ? checkStable(canary.stable, newestVersion, scope) : null;
  const { exceptions } = message;
  if (exceptions.length > maxPolicyExceptions) {
    throw invalid(`expected at most ${maxPolicyExceptions} exceptions, found ${exceptions.length}`);
  }
  const own = exceptions.filter(({ device }) => device === scope.device);
  if (own.length > 1)
    throw invalid(`expected device ${scope.device} among the exceptions once, found it twice`);
  if (own[0]) {
    const policy = readFollowed(message, scope, own[0]);
    return { policy, role: 'exception', newestVersion };
  }
  if (!canary || !stable) return { policy: readFollowed(message, scope), role: 'group', newestVersion };
  if (canaryPlace(scope.group, newestVersion, scope.device) < canary.below) {
    return { policy: readFollowed(message, scope), role: 'canary', newestVersion };
  }
  const { auditRate } = stable;
  const followed = stable.version > 0 ? stable : { thresholds: bundleThresholds, auditRate };
  return { policy: readFollowed(stable, scope, followed), role: 'stable', newestVersion };
}

/** @returns the version */
function checkHeader({ group, version }: PolicyMessage, scope: PolicyScope): number {
  if (group !== scope.group) {
    throw invalid(`expected a policy of group ${scope.group}, found one of ${quoted(group)}`);
  }
  if (!version) throw invalid('expected a version from 1, found none');
  return version;
}

function checkStable(
  stable: PolicyMessage | null,
  newestVersion: number,
  { group }: PolicyScope,
): PolicyMessage {
  if (!stable)
    throw invalid(`policy ${newestVersion} is a canary; expected what the others follow, found nothing`);
  if (stable.canary || stable.exceptions.length > 0) {
    throw invalid('a canary beside another one, or with exceptions of its own');
  }
  const { version } = stable;
  if (version >= newestVersion) {
    throw invalid(`expected a stable policy older than ${newestVersion}, found ${version}`);
  }
  if (version > 0 && stable.group !== group) {
    throw invalid(`expected a stable policy of group ${group}, found one of ${quoted(stable.group)}`);
  }
  return stable;
}

/** @param own thresholds and audit rate to follow; default: those of the policy */
function readFollowed(
  message: PolicyMessage,
  { branches, bundleDigest }: PolicyScope,
  own: { readonly thresholds: readonly number[]; readonly auditRate: number | null } = message,
): ActivePolicy {
  const { version, bundleDigest: digest, latencyTargetMs } = message;
  if (digest.length > 0 && !Buffer.from(digest).equals(bundleDigest)) {
    throw new OfframpError(
      'POLICY_OTHER_BUNDLE',
      `policy ${version} is for bundle ${shortDigest(digest)}, found ${shortDigest(bundleDigest)} here`,
    );
  }
  const { thresholds } = own;
  checkThresholds(thresholds, branches);
  const auditRate = own.auditRate ?? 0;
  checkAuditRate(auditRate);
  const wrongTarget = latencyTargetMs === null ? null : beyondLimit(goalLimits.targetMs, latencyTargetMs);
  if (wrongTarget) throw invalid(`latency target: ${wrongTarget}`);
  return {
    version,
    thresholds: [...thresholds],
    auditRate,
    maxAuditBytesPerHour: message.maxAuditBytesPerHour ?? defaultMaxAuditBytesPerHour,
    latencyTargetMs,
  };
}

function decode(bytes: Uint8Array): PolicyMessage {
  if (bytes.length > maxPolicyBytes) {
    throw invalid(`expected a policy of at most ${maxPolicyBytes} bytes, found ${bytes.length}`);
  }
  try {
    return v1.Policy.decode(bytes);
  } catch (cause) {
    throw new OfframpError(
      'POLICY_INVALID',
      `${bytes.length} bytes that are not a policy: ${messageOf(cause)}`,
      { cause },
    );
  }
}

const invalid = (message: string) => new OfframpError('POLICY_INVALID', message);
