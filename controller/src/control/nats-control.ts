import { checkName, OfframpError } from '@offramp/shared';
import type { EvidenceRegister } from '../evidence/evidence-register.js';
import type { PolicyStore } from '../policy/policy-store.js';
import type { FleetRegister } from '../register/fleet-register.js';
import type { WorkerRegister } from '../register/worker-register.js';
import type { Goal } from '../tuner/goals.js';
import type { BundleTables } from './bundle-tables.js';
import type { ControlStore, StoredGoals } from './control-store.js';
import type { ControlView } from './control-view.js';
import type { EventLog } from './event-log.js';
import { explainNow } from './explain-group.js';
import type {
  ControlMode,
  FleetControl,
  FleetEvent,
  GroupGoals,
  GroupStatus,
  LeaderStatus,
  WorkerStatus,
} from './fleet-control.js';
import { checkBy, checkGoals } from './goals-schema.js';
import { modeOf } from './group-state.js';
import { canaryOf, decidedOf } from './group-status.js';
import type { Lease } from './lease.js';

export interface NatsControlOptions {
  store: ControlStore;
  policies: PolicyStore;
  events: EventLog;
  bundles: BundleTables;
  view: ControlView;
  lease: Lease;
  register: FleetRegister;
  evidence: EvidenceRegister;
  workers: WorkerRegister;
  /** Milliseconds of a monotonic clock. */
  now(): number;
}

type By = { author: string; reason: string };

/** Reads and changes what NATS holds of a fleet's control, whichever controller leads. */
export class NatsControl implements FleetControl {
  constructor(private readonly options: NatsControlOptions) {}

  async groups(): Promise<string[]> {
    const { view, register, now } = this.options;
    const names = new Set(view.names());
    for (const name of register.groupNames(now())) names.add(name);
    return [...names].sort();
  }

  async goals(group: string): Promise<GroupGoals> {
    const { store } = this.options;
    const [goals, { stored }] = await Promise.all([store.goals(group), store.state(group)]);
    return { ...withoutChanges(goals), mode: effectiveMode(goals, stored?.state ?? null) };
  }

  async setGoals(
    group: string,
    goals: readonly Goal[],
    by: By & { expectedRevision: number },
  ): Promise<GroupGoals> {
    const checked = checkGoals(goals);
    checkBy(by);
    const { author, reason, expectedRevision } = by;
    const { version: afterPolicy } = await this.options.policies.newest(group);
    await this.options.store.changeGoals(
      group,
      ({ mode }) => ({ what: 'goals', goals: checked, mode, author, reason }),
      { afterPolicy, expectedRevision },
    );
    return this.goals(group);
  }

  async setMode(group: string, mode: ControlMode, by: By): Promise<GroupGoals> {
    checkBy(by);
    const { author, reason } = by;
    const { version: afterPolicy } = await this.options.policies.newest(group);
    const changed = await this.options.store.changeGoals(
      group,
      ({ goals }) => ({ what: 'mode', goals, mode, author, reason }),
      { afterPolicy },
    );
    return withoutChanges(changed);
  }

  async status(group: string): Promise<GroupStatus> {
    const { store, policies, bundles, now } = this.options;
    const [{ stored }, goals, newest] = await Promise.all([
      store.state(group),
      store.goals(group),
      policies.newest(group),
    ]);
    const state = stored?.state ?? null;
    const digest = state?.bundleDigest ?? null;
    const bundle = digest === null ? null : await bundles.get(digest, now());
    const { policy } = newest;
    return {
      group,
      mode: effectiveMode(goals, state),
      bundleDigest: digest,
      policyVersion: policy?.version ?? 0,
      thresholds: [...(policy?.thresholds ?? bundle?.thresholds ?? [])],
      auditRate: policy?.auditRate ?? 0,
      decidedAt: state?.decision && stored ? stored.storedAt : null,
      ...(state ? decidedOf(state) : { decision: null, exceptions: [] }),
      canary: state && policy ? canaryOf(state, policy, bundle?.thresholds ?? []) : null,
      explanation: state
        ? explainNow(state, { policyVersion: policy?.version ?? 0, goalsRevision: goals.revision })
        : [],
      problem: state
        ? state.problem
        : goals.goals.length === 0
          ? 'No goal is set.'
          : 'No controller has decided yet.',
    };
  }

  async rollBack(group: string, version: number, by: By): Promise<void> {
    checkBy(by);
    const { policies } = this.options;
    const earlier = (await policies.history(group)).findLast((policy) => policy.version === version);
    if (!earlier) {
      throw new OfframpError(
        'POLICY_INVALID',
        `group ${group} has no policy ${version}, or it is forgotten`,
        {
          hint: '`offramp fleet policy history` lists those that are remembered.',
        },
      );
    }
    const { thresholds, maxAuditBytesPerHour } = earlier;
    const reason = `back to policy ${version}${by.reason ? `: ${by.reason}` : ''}`;
    const { author } = by;
    await policies.set({
      group,
      thresholds,
      auditRate: null,
      maxAuditBytesPerHour,
      author,
      reason,
      expectedVersion: 0,
    });
  }

  async events(group: string, limit: number, before: number): Promise<FleetEvent[]> {
    if (group) checkName('group', group);
    return this.options.events.list(group, limit, before);
  }

  /** Newest first, of those with numbers above `after`. */
  eventsAfter(group: string, limit: number, after: number): FleetEvent[] {
    if (group) checkName('group', group);
    return this.options.events.list(group, limit, 0, after);
  }

  onEvent(listener: (event: FleetEvent) => void): () => void {
    return this.options.events.onEvent(listener);
  }

  leader(): LeaderStatus | null {
    return this.options.lease.leader;
  }

  workers(): WorkerStatus[] {
    return this.options.workers.workers(this.options.now());
  }
}

function withoutChanges({ changes, ...goals }: StoredGoals): GroupGoals {
  return goals;
}

/** Also where the controller that leads has not seen the newest goals yet. */
function effectiveMode(
  goals: GroupGoals,
  state: (Parameters<typeof modeOf>[0] & { goalsRevision: number }) | null,
): ControlMode {
  if (!state || goals.revision !== state.goalsRevision) return goals.mode;
  return modeOf(state);
}
