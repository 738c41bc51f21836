import { defaultMaxAuditBytesPerHour } from '@offramp/shared';
import type { PlainPolicy, PolicyContent } from '../policy/policy-view.js';
import type { ExitFacts, Goal } from '../tuner/goals.js';
import type { FleetEventKind } from './fleet-control.js';
import type { GroupInputs, TunableBundle } from './group-inputs.js';
import { type GroupState, learnPolicy, type NewEvent } from './group-state.js';
import { contentOf, nothingOf } from './receive-orders.js';

/** A step of a group while it is taken: what follows from what is decided is put here. Pure, for all that it changes is its own. */
export class GroupStep {
  policy: PolicyContent | null = null;
  unknown: string[] = [];
  /** Alike for all that is tuned in one step. */
  facts: ExitFacts | null = null;
  readonly goals: readonly Goal[];

  constructor(
    public state: GroupState,
    readonly inputs: GroupInputs,
    readonly events: NewEvent[],
  ) {
    this.goals = state.goals;
  }

  /** What devices follow that follow no canary: the policy, or what their bundle says. */
  stable(bundle: TunableBundle): { thresholds: readonly number[]; auditRate: number } {
    const { policy } = this.state;
    const followed = policy?.canary?.stable ?? policy;
    const own = { thresholds: bundle.thresholds, auditRate: 0 };
    if (!followed || followed.version === 0) return own;
    if ((followed.bundleDigest ?? bundle.digest) !== bundle.digest) return own;
    return followed.thresholds.length === bundle.thresholds.length ? followed : own;
  }

  current(bundle: TunableBundle): { thresholds: readonly number[]; auditRate: number } {
    const { policy, canary } = this.state;
    return canary && policy ? policy : this.stable(bundle);
  }

  get latencyTargetMs(): number | null {
    return this.goals.find((goal) => goal.kind === 'latency')?.targetMs ?? null;
  }

  /** The policy of those that are in no canary. */
  stablePolicy(): PlainPolicy {
    const { policy } = this.state;
    const { canary, exceptions, ...plain } = policy?.canary
      ? { ...policy.canary.stable, canary: null, exceptions: [] }
      : (policy ?? noPolicy(this.inputs.group));
    return plain;
  }

  put(policy: PolicyContent): void {
    this.policy = contentOf(policy);
    this.state = { ...this.state, policy: this.policy, known: learnPolicy(this.state.known, this.policy) };
  }

  say(kind: FleetEventKind, event: Partial<NewEvent> & { text: string }): void {
    const { group, author } = this.inputs;
    this.events.push({ ...nothingOf(group), severity: 'info', author, ...event, kind });
  }
}

function noPolicy(group: string): PolicyContent {
  return {
    ...{ group, version: 0, thresholds: [], bundleDigest: null, author: '', reason: '', auditRate: 0 },
    ...{ maxAuditBytesPerHour: defaultMaxAuditBytesPerHour, latencyTargetMs: null },
    ...{ canary: null, exceptions: [] },
  };
}
