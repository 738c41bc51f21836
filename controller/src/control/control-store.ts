import { checkName, jetStreamError, OfframpError } from '@offramp/shared';
import type { KV, KvEntry, NatsConnection } from 'nats';
import { compareAndSet } from '../compare-and-set.js';
import type { GroupGoals } from './fleet-control.js';
import { type GoalsChange, goalsRecordSchema } from './goals-schema.js';
import type { GroupState } from './group-state.js';
import type { Presence } from './presence.js';
import { decodePresence, decodeState, encodePresence, encodeState } from './state-codec.js';

/** A group's state as it stands in the bucket. */
export interface StoredState {
  state: GroupState;
  /** For compare and set. */
  revision: number;
  /** By the NATS server's clock. */
  storedAt: Date;
}

/** What is wanted of a group, as it stands in the bucket. */
export interface StoredGoals extends GroupGoals {
  /** The newest ones, oldest first. */
  changes: GoalsChange[];
}

export const goalsPrefix = 'goals.';
export const statePrefix = 'state.';
const presenceKey = 'presence';
const maxSetAttempts = 32;
/** More than anybody asks of a group between two looks at it. */
const maxChanges = 16;

/** Goals and states of groups, in the bucket that all controllers share. */
export class ControlStore {
  constructor(
    private readonly bus: NatsConnection,
    private readonly bucket: KV,
  ) {}

  /** @throws OfframpError `CONFIG_INVALID` for a name that is none, `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE` */
  async goals(group: string): Promise<StoredGoals> {
    checkName('group', group);
    return readGoals(group, await this.call(() => this.bucket.get(goalsPrefix + group)));
  }

  /**
   * Changes what is wanted of a group.
   * @param afterPolicy the group's newest policy, which whoever asks has seen; 0: none
   * @param expectedRevision 0: whatever it is
   * @throws OfframpError `POLICY_CONFLICT`, and as {@link goals}
   */
  async changeGoals(
    group: string,
    change: (before: StoredGoals) => Pick<GoalsChange, 'what' | 'goals' | 'mode' | 'author' | 'reason'>,
    { afterPolicy = 0, expectedRevision = 0 } = {},
  ): Promise<StoredGoals> {
    for (let attempt = 0; attempt < maxSetAttempts; attempt++) {
      const entry = await this.call(() => this.bucket.get(goalsPrefix + checkName('group', group)));
      const before = readGoals(group, entry);
      if (expectedRevision !== 0 && expectedRevision !== before.revision) {
        throw new OfframpError(
          'POLICY_CONFLICT',
          `group ${group}: expected goals of revision ${expectedRevision}, found ${before.revision}${before.author ? `, set by ${before.author}` : ''}`,
          { hint: 'Look at `offramp fleet goal get`, and set them again if they are still what you want.' },
        );
      }
      const { what, goals, mode, author, reason } = change(before);
      const asked = { goals, mode, author, reason };
      const added = { what, ...asked, afterRevision: before.revision, afterPolicy };
      const changes = [...before.changes, added].slice(-maxChanges);
      const value = JSON.stringify({ ...asked, changes });
      const revision = await this.compareAndSet(goalsPrefix + group, value, entry?.revision ?? 0);
      if (revision !== null) return this.goals(group);
    }
    throw new OfframpError(
      'POLICY_CONFLICT',
      `others kept setting the goals of group ${group}; gave up after ${maxSetAttempts} attempts`,
    );
  }

  /** `null`: nothing was decided yet, or what is there is none. */
  async state(group: string): Promise<{ stored: StoredState | null; revision: number }> {
    const entry = await this.call(() => this.bucket.get(statePrefix + checkName('group', group)));
    return { stored: entry && readState(entry), revision: entry?.revision ?? 0 };
  }

  /** @returns the new revision; `null` if another controller has kept one in the meantime */
  putState(group: string, state: GroupState, previousRevision: number): Promise<number | null> {
    return this.compareAndSet(statePrefix + group, encodeState(state), previousRevision);
  }

  /** Who is silent; `null`: that was never looked at, or what is there is none. */
  async presence(): Promise<{ presence: Presence | null; revision: number }> {
    const entry = await this.call(() => this.bucket.get(presenceKey));
    const revision = entry?.revision ?? 0;
    return { presence: entry?.operation === 'PUT' ? readPresence(entry.value) : null, revision };
  }

  /** @returns as {@link putState} */
  putPresence(presence: Presence, previousRevision: number): Promise<number | null> {
    return this.compareAndSet(presenceKey, encodePresence(presence), previousRevision);
  }

  private compareAndSet(
    key: string,
    value: string | Uint8Array,
    previousSeq: number,
  ): Promise<number | null> {
    return this.call(() => compareAndSet(this.bucket, key, value, previousSeq));
  }

  private async call<T>(use: () => Promise<T>): Promise<T> {
    try {
      return await use();
    } catch (cause) {
      throw jetStreamError(this.bus, cause);
    }
  }
}

/** No goals where there is no entry, or one that cannot be read. */
export function readGoals(group: string, entry: KvEntry | null): StoredGoals {
  const none = { group, mode: 'auto', author: '', reason: '', setAt: null } as const;
  const nothing: StoredGoals = { ...none, goals: [], changes: [], revision: entry?.revision ?? 0 };
  if (entry?.operation !== 'PUT') return nothing;
  try {
    const record = goalsRecordSchema.parse(entry.json());
    return { group, ...record, revision: entry.revision, setAt: entry.created };
  } catch {
    return nothing;
  }
}

function readPresence(bytes: Uint8Array): Presence | null {
  try {
    return decodePresence(bytes);
  } catch {
    return null;
  }
}

export function readState(entry: KvEntry): StoredState | null {
  if (entry.operation !== 'PUT') return null;
  try {
    return { state: decodeState(entry.value), revision: entry.revision, storedAt: entry.created };
  } catch {
    return null;
  }
}
