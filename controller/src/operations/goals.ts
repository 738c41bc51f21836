import { randomUUID } from 'node:crypto';
import { messageOf } from '@offramp/runtime';
import { z } from 'zod';
import type { ControlMode, GroupGoals } from '../decide/model/fleet-control.js';
import { goalListSchema, modeSchema } from '../decide/model/goals-schema.js';
import type { StoredGoals } from '../decide/model/group-inputs.js';
import { modeOf } from '../decide/model/group-state.js';
import { outcomeUnknown } from '../store/compare-and-set.js';
import type { ControlStore } from '../store/control-store.js';
import type { PolicyStore } from '../store/policy-store.js';
import type { ChangeLog } from './change-log.js';
import { changeFields } from './limits.js';

export const setGoalsInput = z.strictObject({
  goals: goalListSchema.describe('Most important first; each kind at most once'),
  ...changeFields,
  expectedRevision: z.number().int().min(0).default(0).describe('Take effect only on this revision; 0: any'),
});
export const setModeInput = z.strictObject({ mode: modeSchema, ...changeFields });

export type SetGoals = z.output<typeof setGoalsInput>;
export type SetMode = z.output<typeof setModeInput>;

export interface GoalOperationsParts {
  store: Pick<ControlStore, 'goals' | 'state' | 'changeGoals'>;
  policies: Pick<PolicyStore, 'newest'>;
  changes: ChangeLog;
}

/** Goals and modes of groups. All may throw `CONFIG_INVALID`, `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`. */
export class GoalOperations {
  constructor(private readonly parts: GoalOperationsParts) {}

  async get(group: string): Promise<GroupGoals> {
    const { store } = this.parts;
    const [goals, { stored }] = await Promise.all([store.goals(group), store.state(group)]);
    return { ...withoutChanges(goals), mode: effectiveMode(goals, stored?.state ?? null) };
  }

  /** @throws OfframpError `POLICY_CONFLICT` if the goals do not have the expected revision */
  async set(group: string, asked: SetGoals): Promise<GroupGoals> {
    const { goals, author, reason, expectedRevision, requestId = randomUUID() } = asked;
    const { version: afterPolicy } = await this.parts.policies.newest(group);
    await this.parts.store.changeGoals(
      group,
      ({ mode }) => ({ what: 'goals', goals, mode, author, reason }),
      { afterPolicy, expectedRevision, requestId },
    );
    this.parts.changes.record('goals set', { group, goals, author, reason, requestId });
    return this.get(group).catch((cause: unknown) => {
      throw outcomeUnknown(`the goals of group ${group} cannot be read: ${messageOf(cause)}`, cause);
    });
  }

  async setMode(group: string, asked: SetMode): Promise<GroupGoals> {
    const { mode, author, reason, requestId = randomUUID() } = asked;
    const { version: afterPolicy } = await this.parts.policies.newest(group);
    const changed = await this.parts.store.changeGoals(
      group,
      ({ goals }) => ({ what: 'mode', goals, mode, author, reason }),
      { afterPolicy, requestId },
    );
    this.parts.changes.record('mode set', { group, mode, author, reason, requestId });
    return withoutChanges(changed);
  }
}

function withoutChanges({ changes, ...goals }: StoredGoals): GroupGoals {
  return goals;
}

/** The mode in effect, even while the leader has not applied the newest goals. */
export function effectiveMode(
  goals: Pick<GroupGoals, 'mode' | 'revision'>,
  state: (Parameters<typeof modeOf>[0] & { goalsRevision: number }) | null,
): ControlMode {
  if (!state || goals.revision !== state.goalsRevision) return goals.mode;
  return modeOf(state);
}
