import {
  checkAuditRate,
  checkThresholds,
  defaultMaxAuditBytesPerHour,
  messageOf,
  OfframpError,
  shortDigest,
  v1,
} from '@offramp/shared';

/** The thresholds that new samples start under. Never changed, only replaced. */
export interface ActivePolicy {
  /** 0: the bundle's own thresholds. */
  readonly version: number;
  /** One per branch, each exactly a float32, so that device and worker compare with the same number. */
  readonly thresholds: readonly number[];
  /** Share of samples that are audited, in [0, 1]. */
  readonly auditRate: number;
  /** Bytes that audits may send in an hour. */
  readonly maxAuditBytesPerHour: number;
}

export interface PolicyScope {
  group: string;
  branches: number;
  /** Of the bundle, 32 bytes. */
  bundleDigest: Uint8Array;
}

/** What became of a policy that was offered. */
export type PolicyOffer =
  /** It is the active one from now on. */
  | 'applied'
  /** It is the active one already. */
  | 'unchanged'
  /** It is not for this device, or no policy at all; the last one stays. */
  | 'rejected';

/** Holds the active policy and decides what may replace it. */
export class PolicyHolder {
  private active: ActivePolicy;
  private problem: OfframpError | null = null;

  /** @param thresholds the bundle's own */
  constructor(
    private readonly scope: PolicyScope,
    thresholds: readonly number[],
  ) {
    this.active = {
      version: 0,
      thresholds: thresholds.map(Math.fround),
      auditRate: 0,
      maxAuditBytesPerHour: defaultMaxAuditBytesPerHour,
    };
  }

  get current(): ActivePolicy {
    return this.active;
  }

  /** Why the newest policy was not applied; `null` when it was. */
  get error(): OfframpError | null {
    return this.problem;
  }

  /** @param bytes a `Policy`, as it stands in the bucket */
  offer(bytes: Uint8Array): PolicyOffer {
    try {
      const policy = this.read(bytes);
      const before = this.active;
      const recovered = this.problem !== null;
      this.problem = null;
      if (JSON.stringify(policy) === JSON.stringify(before)) {
        return recovered ? 'applied' : 'unchanged';
      }
      this.active = policy;
      return 'applied';
    } catch (error) {
      this.problem =
        error instanceof OfframpError
          ? error
          : new OfframpError('POLICY_INVALID', messageOf(error), { cause: error });
      return 'rejected';
    }
  }

  private read(bytes: Uint8Array): ActivePolicy {
    const policy = decode(bytes);
    const { group, branches, bundleDigest } = this.scope;
    if (policy.group !== group) {
      throw new OfframpError(
        'POLICY_INVALID',
        `expected a policy of group ${group}, found one of ${JSON.stringify(policy.group)}`,
      );
    }
    if (policy.version < 1) throw new OfframpError('POLICY_INVALID', 'expected a version from 1, found none');
    const digest = policy.bundleDigest;
    if (digest.length > 0 && !Buffer.from(digest).equals(bundleDigest)) {
      throw new OfframpError(
        'POLICY_INVALID',
        `policy ${policy.version} is for bundle ${shortDigest(digest)}, found ${shortDigest(bundleDigest)} here`,
      );
    }
    checkThresholds(policy.thresholds, branches);
    const auditRate = policy.auditRate ?? 0;
    checkAuditRate(auditRate);
    return {
      version: policy.version,
      thresholds: [...policy.thresholds],
      auditRate,
      maxAuditBytesPerHour: policy.maxAuditBytesPerHour ?? defaultMaxAuditBytesPerHour,
    };
  }
}

function decode(bytes: Uint8Array) {
  try {
    return v1.Policy.decode(bytes);
  } catch (cause) {
    throw new OfframpError(
      'POLICY_INVALID',
      `${bytes.length} bytes that are no policy: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}
