import { defaultMaxAuditBytesPerHour } from '@offramp/contracts';
import { messageOf, OfframpError } from '@offramp/runtime';
import { type ActivePolicy, type PolicyRole, type PolicyScope, readPolicy } from './read-policy.js';

export type { ActivePolicy, PolicyRole, PolicyScope } from './read-policy.js';

/** The outcome of an offered policy. */
export type PolicyOffer =
  /** It is now the active one. */
  | 'applied'
  /** It is the active one already. */
  | 'unchanged'
  /** It is not for this device, or malformed; the previous one stays. */
  | 'rejected';

/** Which part of its group's newest policy a device follows. */
export interface PolicyStanding {
  role: PolicyRole;
  /** Of the newest valid policy, whether the device follows it or its stable policy; 0: none was received. */
  newestVersion: number;
}

/** Holds the active policy and decides what may replace it. */
export class PolicyHolder {
  private active: ActivePolicy;
  private readonly own: ActivePolicy;
  private place: PolicyStanding = { role: 'bundle', newestVersion: 0 };
  private problem: OfframpError | null = null;

  /** @param thresholds the bundle's own */
  constructor(
    private readonly scope: PolicyScope,
    thresholds: readonly number[],
  ) {
    this.own = {
      version: 0,
      thresholds: thresholds.map(Math.fround),
      auditRate: 0,
      maxAuditBytesPerHour: defaultMaxAuditBytesPerHour,
      latencyTargetMs: null,
    };
    this.active = this.own;
  }

  get current(): ActivePolicy {
    return this.active;
  }

  get standing(): PolicyStanding {
    return this.place;
  }

  /** Why the newest policy was not applied; `null` when it was. */
  get error(): OfframpError | null {
    return this.problem;
  }

  /** @param bytes a `Policy`, as stored in the bucket */
  offer(bytes: Uint8Array): PolicyOffer {
    try {
      const { policy, ...standing } = readPolicy(bytes, this.scope, this.own.thresholds);
      const before = this.active;
      const recovered = this.problem !== null;
      this.problem = null;
      this.place = standing;
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
}
