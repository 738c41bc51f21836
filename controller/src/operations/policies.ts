import { randomUUID } from 'node:crypto';
import { OfframpError, shortDigest } from '@offramp/runtime';
import { z } from 'zod';
import { type BundleInUse, bundlesInUse, bundlesText } from '../decide/model/bundles-in-use.js';
import { type BranchedDevice, policyForBundle } from '../decide/model/policy-for-bundle.js';
import { groupPolicyGaps, type PolicyGap } from '../decide/model/policy-gap.js';
import type { PolicyView } from '../decide/model/policy-view.js';
import { maxBranches } from '../decide/model/thresholds.js';
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
  bundle: z
    .string()
    .regex(/^(?:any|[0-9a-f]{8,64})$/, 'expected any, or 8 to 64 hexadecimal digits of a digest')
    .optional()
    .describe(
      'The bundle that the thresholds are for: its digest, or the first digits of it; any: every bundle with this number of branches. Absent: of the bundles with this number of branches, the one that most devices run',
    ),
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
  register: Pick<FleetRegister, 'presence'>;
  changes: ChangeLog;
  /** Milliseconds of the registers' clock. */
  now(): number;
}

/** The online devices of a group and a policy that has just been set. */
export interface PolicyReach {
  onlineDevices: number;
  /** Number of bundles that they run. */
  bundles: number;
  /** Those that will refuse the policy, because it is for another bundle. */
  gaps: PolicyGap[];
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
   * Sets thresholds by hand, which pins them. They are for one bundle, unless `asked` says otherwise; devices with another
   * one refuse them.
   * @throws OfframpError `REQUEST_INVALID` for a policy that changes nothing, or a bundle without thresholds;
   *   `POLICY_INVALID`, `POLICY_CONFLICT`
   */
  async set(group: string, asked: SetPolicy): Promise<PolicyView> {
    const { thresholds, bundle, auditRate, maxAuditBytesPerHour, requestId = randomUUID(), ...rest } = asked;
    if ([thresholds, auditRate, maxAuditBytesPerHour].every((value) => value === undefined)) {
      throw new OfframpError(
        'REQUEST_INVALID',
        'expected thresholds, auditRate or maxAuditBytesPerHour; found none of them',
      );
    }
    if (bundle !== undefined && !thresholds) {
      throw new OfframpError('REQUEST_INVALID', `expected thresholds for bundle ${bundle}; found none`);
    }
    return this.put({
      ...{ group, auditRate: auditRate ?? null, maxAuditBytesPerHour: maxAuditBytesPerHour ?? null },
      ...(thresholds
        ? policyForBundle(group, thresholds, bundle ?? null, this.bundles(group))
        : { thresholds: null, bundleDigest: null }),
      ...{ ...rest, requestId },
    });
  }

  /**
   * Gives a group the thresholds of an earlier policy, for the same bundle, and pins them.
   * @throws OfframpError `POLICY_INVALID` for a version that is not kept, or whose bundle no device runs; `POLICY_CONFLICT`
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
    const { thresholds, bundleDigest, maxAuditBytesPerHour } = earlier;
    this.checkRuns(group, earlier);
    return this.put({
      ...{ group, thresholds, bundleDigest, auditRate: null, maxAuditBytesPerHour, author },
      reason: `back to policy ${version}${reason ? `: ${reason}` : ''}`,
      ...{ expectedVersion: 0, requestId },
    });
  }

  /** @param policy has just been set */
  reach(policy: PolicyView): PolicyReach {
    const { register, now } = this.parts;
    const devices = [...register.presence(policy.group, now())].filter(({ online }) => online);
    // What devices have refused so far was an earlier policy.
    const asked = devices.map(({ state, ...rest }) => ({ ...rest, state: { ...state, policyError: '' } }));
    return {
      onlineDevices: devices.length,
      bundles: new Set(devices.map(({ state }) => state.bundleDigest)).size,
      gaps: groupPolicyGaps(policy, asked),
    };
  }

  private bundles(group: string): BundleInUse<BranchedDevice>[] {
    const { register, now } = this.parts;
    return bundlesInUse(
      Array.from(register.presence(group, now()), ({ device, online, state }) => ({
        ...{ device, online, bundleDigest: state.bundleDigest, branches: state.branches },
      })),
    );
  }

  private checkRuns(group: string, { version, bundleDigest }: PolicyView): void {
    const bundles = this.bundles(group);
    if (bundleDigest === null || bundles.length === 0) return;
    if (bundles.some(({ digest }) => digest === bundleDigest)) return;
    throw new OfframpError(
      'POLICY_INVALID',
      `policy ${version} is for bundle ${shortDigest(bundleDigest)}; devices of group ${group} run ${bundlesText(bundles)}`,
      {
        hint: 'Choose a policy for one of these bundles (`offramp fleet policy history`), or give the devices that bundle first.',
      },
    );
  }

  private async put(policy: NewPolicy): Promise<PolicyView> {
    const set = await this.parts.policies.set(policy);
    const { setAt, ...fields } = set;
    this.parts.changes.record('policy set', fields);
    return set;
  }
}
