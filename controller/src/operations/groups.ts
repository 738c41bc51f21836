import { checkName } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import { canaryOf, decidedOf } from '../decide/group/group-status.js';
import type { GroupGoals, GroupStatus } from '../decide/model/fleet-control.js';
import { groupPolicyGaps } from '../decide/model/policy-gap.js';
import { explainNow } from '../decide/text/explain-group.js';
import type { FleetRegister } from '../ingest/register/fleet-register.js';
import type { BundleTables } from '../store/bundle-tables.js';
import type { ControlStore } from '../store/control-store.js';
import type { PolicyStore } from '../store/policy-store.js';
import { effectiveMode } from './goals.js';

export interface GroupOperationsParts {
  store: Pick<ControlStore, 'goals' | 'state'>;
  policies: Pick<PolicyStore, 'newest'>;
  bundles: Pick<BundleTables, 'get'>;
  register: Pick<FleetRegister, 'groupNames' | 'presence'>;
  /** Names of groups that have goals, a mode other than `auto`, or a policy. */
  controlled: { names(): Iterable<string> };
  now(): number;
}

/** The groups, the controller's last decisions for them, and the reasons. */
export class GroupOperations {
  constructor(private readonly parts: GroupOperationsParts) {}

  /** Sorted names of groups that have devices, goals, a mode other than `auto`, or a policy. */
  names(): string[] {
    const { controlled, register, now } = this.parts;
    return [...new Set([...controlled.names(), ...register.groupNames(now())])].sort();
  }

  async status(group: string): Promise<GroupStatus> {
    const { store, policies, bundles, now } = this.parts;
    const [{ stored }, goals, newest] = await Promise.all([
      store.state(group),
      store.goals(group),
      policies.newest(group),
    ]);
    const state = stored?.state ?? null;
    const digest = state?.bundleDigest ?? null;
    const bundle = digest === null ? null : await bundles.get(digest, now());
    const { policy } = newest;
    const newestOf = { policyVersion: policy?.version ?? 0, goalsRevision: goals.revision };
    return {
      group,
      mode: effectiveMode(goals, state),
      bundleDigest: digest,
      policyVersion: newestOf.policyVersion,
      thresholds: [...(policy?.thresholds ?? bundle?.thresholds ?? [])],
      auditRate: policy?.auditRate ?? 0,
      decidedAt: state?.decision && stored ? stored.storedAt : null,
      ...(state ? decidedOf(state) : { decision: null, exceptions: [] }),
      canary: state && policy ? canaryOf(state, policy, bundle?.thresholds ?? []) : null,
      policyGaps: groupPolicyGaps(policy, this.parts.register.presence(group, now())),
      explanation: state ? explainNow(state, newestOf) : [],
      problem: state ? state.problem : problemWithout(goals),
    };
  }

  /** @throws OfframpError `CONFIG_INVALID`, `NOT_FOUND` for an unknown group, whose name is probably mistyped */
  async checkExists(group: string): Promise<void> {
    const { store, policies, register, now } = this.parts;
    checkName('group', group);
    for (const _ of register.presence(group, now())) return;
    const [goals, newest] = await Promise.all([store.goals(group), policies.newest(group)]);
    if (goals.goals.length > 0 || goals.mode !== 'auto' || newest.version > 0) return;
    throw new OfframpError('NOT_FOUND', `group ${group} has neither devices nor goals nor a policy`);
  }
}

function problemWithout({ goals }: Pick<GroupGoals, 'goals'>): string {
  return goals.length === 0 ? 'No goal is set.' : 'No controller has decided yet.';
}
