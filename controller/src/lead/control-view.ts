import { policyBucket } from '@offramp/contracts';
import { type Logger, messageOf } from '@offramp/runtime';
import type { KvEntry } from 'nats';
import { decidedOf } from '../decide/group/group-status.js';
import type { StoredGoals } from '../decide/model/group-inputs.js';
import type { GroupState } from '../decide/model/group-state.js';
import type { EvidenceRegister } from '../ingest/evidence/evidence-register.js';
import { type GroupMetrics, groupMetrics } from '../metrics/group-metrics.js';
import { goalsPrefix, readGoals, readState, statePrefix } from '../store/control-store.js';

/** The newest records of a group in the buckets. */
interface SeenGroup {
  goals: StoredGoals | null;
  /** From the newest state: the applied goals, and the last counted position. */
  goalsRevision: number;
  upTo: number;
  streamCreated: string;
  waitsForBundle: boolean;
  pendingIntent: boolean;
  metrics: GroupMetrics | null;
  /** Revision of the policy's key; 0: there is none. */
  policyRevision: number;
  /** Whether there is a policy that was not deleted. */
  hasPolicy: boolean;
}

const newGroup = (): SeenGroup => ({
  ...{ goals: null, goalsRevision: 0, upTo: 0, streamCreated: '', waitsForBundle: false },
  ...{ pendingIntent: false, policyRevision: 0, hasPolicy: false, metrics: null },
});

/**
 * The content of the buckets of policies and of controllers' state. Every controller follows it, not only the leader, so
 * that each drops evidence that has been counted, and can lead at once.
 */
export class ControlView {
  private readonly groups = new Map<string, SeenGroup>();

  constructor(
    private readonly evidence: EvidenceRegister,
    private readonly streamCreated: () => string,
    private readonly logger: Logger,
  ) {}

  /** Applies an entry. One that cannot be read is logged and skipped. */
  take(entry: KvEntry): void {
    try {
      this.read(entry);
    } catch (error) {
      this.logger.warn(
        { key: entry.key, error: messageOf(error) },
        'cannot read a record of the controllers',
      );
    }
  }

  private read(entry: KvEntry): void {
    if (entry.bucket === policyBucket) {
      const hasPolicy = entry.operation === 'PUT';
      Object.assign(this.group(entry.key), { policyRevision: entry.revision, hasPolicy });
    } else if (entry.key.startsWith(goalsPrefix)) this.takeGoals(entry.key.slice(goalsPrefix.length), entry);
    else if (entry.key.startsWith(statePrefix)) this.takeState(entry.key.slice(statePrefix.length), entry);
  }

  /** Names of groups that have goals, a mode or a policy. */
  names(): string[] {
    const wanted = ({ goals, hasPolicy }: SeenGroup) =>
      hasPolicy || (goals !== null && (goals.goals.length > 0 || goals.mode !== 'auto'));
    return [...this.groups].filter(([, seen]) => wanted(seen)).map(([group]) => group);
  }

  /** Groups with a record of goals, including those whose goals were removed. */
  *tuned(): Generator<{ group: string; goals: StoredGoals; seen: Readonly<SeenGroup> }> {
    for (const [group, seen] of this.groups) {
      if (seen.goals && seen.goals.revision > 0) yield { group, goals: seen.goals, seen };
    }
  }

  /** Metrics of tuned groups. */
  *metrics(): Generator<GroupMetrics> {
    for (const { metrics } of this.groups.values()) if (metrics) yield metrics;
  }

  private takeGoals(group: string, entry: KvEntry): void {
    const seen = this.group(group);
    // A restarted watch also delivers old entries.
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
    this.evidence.keepSeparate(group, new Set(state.outliers.map(({ device }) => device)));
  }

  private group(group: string): SeenGroup {
    const seen = this.groups.get(group) ?? newGroup();
    this.groups.set(group, seen);
    return seen;
  }
}
