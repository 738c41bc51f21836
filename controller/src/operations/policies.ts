import { randomUUID } from 'node:crypto';
import { OfframpError } from '@offramp/runtime';
import { z } from 'zod';
import type { PolicyView } from '../decide/model/policy-view.js';
import { maxBranches, policyThresholds } from '../decide/model/thresholds.js';
import type { FleetRegister } from '../ingest/register/fleet-register.js';
import type { NewPolicy, PolicyStore } from '../store/policy-store.js';
import type { ChangeLog } from './change-log.js';
import { changeFields } from './limits.js';

const threshold = z.number().min(0).describe('0 always exits; anything above 1 never does');

export const setPolicyInput = z.strictObject({
  thresholds: z
    .array(threshold)
    .min(1)
    .max(maxBranches)
    .optional()
    .describe('One per branch, or a single one for every branch; absent: unchanged'),
  auditRate: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('Share of samples that is audited; absent: unchanged'),
  maxAuditBytesPerHour: z.number().int().min(0).optional().describe('Limit of one device; absent: unchanged'),
  ...changeFields,
  expectedVersion: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('Take effect only if the newest policy has this number; 0: any'),
});
export const rollBackInput = z.strictObject({ version: z.number().int().min(1), ...changeFields });

export type SetPolicy = z.output<typeof setPolicyInput>;
export type RollBack = z.output<typeof rollBackInput>;

export interface PolicyOperationsParts {
  policies: Pick<PolicyStore, 'get' | 'set' | 'history'>;
  register: Pick<FleetRegister, 'branches'>;
  changes: ChangeLog;
  /** Milliseconds of the registers' clock. */
  now(): number;
}

/** A group's policies, set by operators. All may throw `CONFIG_INVALID`, `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`. */
export class PolicyOperations {
  constructor(private readonly parts: PolicyOperationsParts) {}

  /** The newest; `null`: the group has none. */
  get(group: string): Promise<PolicyView | null> {
    return this.parts.policies.get(group);
  }

  /** Oldest first. */
  history(group: string): Promise<PolicyView[]> {
    return this.parts.policies.history(group);
  }

  /**
   * Sets thresholds by hand, which pins them.
   * @throws OfframpError `REQUEST_INVALID` for a policy that changes nothing, `POLICY_INVALID`, `POLICY_CONFLICT`
   */
  async set(group: string, asked: SetPolicy): Promise<PolicyView> {
    const { thresholds, auditRate, maxAuditBytesPerHour, requestId = randomUUID(), ...rest } = asked;
    if ([thresholds, auditRate, maxAuditBytesPerHour].every((value) => value === undefined)) {
      throw new OfframpError(
        'REQUEST_INVALID',
        'expected thresholds, auditRate or maxAuditBytesPerHour; found none of them',
      );
    }
    const branches = this.parts.register.branches(group, this.parts.now());
    return this.put({
      ...{ group, auditRate: auditRate ?? null, maxAuditBytesPerHour: maxAuditBytesPerHour ?? null },
      thresholds: thresholds ? policyThresholds(group, thresholds, branches) : null,
      ...{ ...rest, requestId },
    });
  }

  /**
   * Gives a group the thresholds of an earlier policy, and pins them.
   * @throws OfframpError `POLICY_INVALID` for a version that is not kept, `POLICY_CONFLICT`
   */
  async rollBack(group: string, asked: RollBack): Promise<PolicyView> {
    const { version, author, reason, requestId = randomUUID() } = asked;
    const earlier = (await this.history(group)).findLast((policy) => policy.version === version);
    if (!earlier) {
      throw new OfframpError(
        'POLICY_INVALID',
        `group ${group} has no policy ${version}, or it is no longer kept`,
        {
          hint: '`offramp fleet policy history` lists those that are kept.',
        },
      );
    }
    const { thresholds, maxAuditBytesPerHour } = earlier;
    return this.put({
      ...{ group, thresholds, auditRate: null, maxAuditBytesPerHour, author },
      reason: `back to policy ${version}${reason ? `: ${reason}` : ''}`,
      ...{ expectedVersion: 0, requestId },
    });
  }

  private async put(policy: NewPolicy): Promise<PolicyView> {
    const set = await this.parts.policies.set(policy);
    const { setAt, ...fields } = set;
    this.parts.changes.record('policy set', fields);
    return set;
  }
}
