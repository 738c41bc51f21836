import { policyBucket } from '@offramp/shared';
import type { KvEntry } from 'nats';
import type { EvidenceRegister } from '../evidence/evidence-register.js';
import { type GroupMetrics, groupMetrics } from '../metrics/group-metrics.js';
import { goalsPrefix, readGoals, readState, type StoredGoals, statePrefix } from './control-store.js';
import type { GroupState } from './group-state.js';
import { decidedOf } from './group-status.js';

/** What the buckets said last of a group. */
interface SeenGroup {
  goals: StoredGoals | null;
  /** Of the newest state: which goals it has seen, and how far it has read. */
  goalsRevision: number;
  upTo: number;
  streamCreated: string;
  waitsForBundle: boolean;
  pendingIntent: boolean;
  metrics: GroupMetrics | null;
  /** Of the policy's key; 0: there is none. */
  policyRevision: number;
  /** Whether there is one that was not deleted. */
  hasPolicy: boolean;
}

const newGroup = (): SeenGroup => ({
  ...{ goals: null, goalsRevision: 0, upTo: 0, streamCreated: '', waitsForBundle: false },
  ...{ pendingIntent: false, policyRevision: 0, hasPolicy: false, metrics: null },
});

/**
 * What is in the buckets of policies and of controllers' state, as entries come. Every controller follows it, the one
 * that leads or not, so that each forgets evidence that has been taken into account, and can lead at once.
 */
export class ControlView {
  private readonly groups = new Map<string, SeenGroup>();

  constructor(
    private readonly evidence: EvidenceRegister,
    private readonly streamCreated: () => string,
  ) {}

  take(entry: KvEntry): void {
    if (entry.bucket === policyBucket) {
      const hasPolicy = entry.operation === 'PUT';
      Object.assign(this.group(entry.key), { policyRevision: entry.revision, hasPolicy });
    } else if (entry.key.startsWith(goalsPrefix)) this.takeGoals(entry.key.slice(goalsPrefix.length), entry);
    else if (entry.key.startsWith(statePrefix)) this.takeState(entry.key.slice(statePrefix.length), entry);
  }

  /** Of groups that have goals, a mode or a policy; what nobody wants anything of any more is not among them. */
  names(): string[] {
    const wanted = ({ goals, hasPolicy }: SeenGroup) =>
      hasPolicy || (goals !== null && (goals.goals.length > 0 || goals.mode !== 'auto'));
    return [...this.groups].filter(([, seen]) => wanted(seen)).map(([group]) => group);
  }

  /** Groups that somebody has ever wanted something of. */
  *tuned(): Generator<{ group: string; goals: StoredGoals; seen: Readonly<SeenGroup> }> {
    for (const [group, seen] of this.groups) {
      if (seen.goals && seen.goals.revision > 0) yield { group, goals: seen.goals, seen };
    }
  }

  /** What metrics say of groups that are tuned. */
  *metrics(): Generator<GroupMetrics> {
    for (const { metrics } of this.groups.values()) if (metrics) yield metrics;
  }

  private takeGoals(group: string, entry: KvEntry): void {
    const seen = this.group(group);
    // A watch that begins anew tells old news, too.
    if (entry.revision >= (seen.goals?.revision ?? 0) || entry.operation !== 'PUT') {
      seen.goals = readGoals(group, entry);
    }
  }

  private takeState(group: string, entry: KvEntry): void {
    const stored = readState(entry);
    if (stored) this.noteState(group, stored.state);
  }

  noteState(group: string, state: GroupState): void {
    Object.assign(this.group(group), {
      ...{ goalsRevision: state.goalsRevision, upTo: state.upTo, streamCreated: state.streamCreated },
      ...{ waitsForBundle: state.problem !== null, pendingIntent: state.intent !== null },
      metrics:
        state.goals.length === 0
          ? null
          : groupMetrics({ group, ...decidedOf(state), canary: state.canary }, state.goals),
    });
    if (state.streamCreated !== this.streamCreated()) return;
    this.evidence.forget(group, state.upTo);
    this.evidence.keepApart(group, new Set(state.apart.map(({ device }) => device)));
  }

  private group(group: string): SeenGroup {
    const seen = this.groups.get(group) ?? newGroup();
    this.groups.set(group, seen);
    return seen;
  }
}
