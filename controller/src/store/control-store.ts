import { checkName, jetStreamError } from '@offramp/contracts';
import { messageOf, OfframpError } from '@offramp/runtime';
import type { KV, KvEntry, NatsConnection } from 'nats';
import { type GoalsChange, goalsRecordSchema } from '../decide/model/goals-schema.js';
import type { StoredGoals } from '../decide/model/group-inputs.js';
import type { GroupState } from '../decide/model/group-state.js';
import type { Presence } from '../decide/presence.js';
import { compareAndSet, outcomeUnknown, untilStored } from './compare-and-set.js';
import { checkRecordVersion, readRecord, recordVersion } from './record-version.js';
import { decodePresence, decodeState, encodePresence, encodeState } from './state-codec.js';

/** A group's state, as stored in the bucket. */
export interface StoredState {
  state: GroupState;
  /** For compare-and-set. */
  revision: number;
  /** By the NATS server's clock. */
  storedAt: Date;
}

export const goalsPrefix = 'goals.';
export const statePrefix = 'state.';
const presenceKey = 'presence';
/** Enough for all changes of a group between two steps of the controller, or while an operator repeats a request. */
const maxChanges = 16;

/** Goals and states of groups, in the controllers' shared bucket. */
export class ControlStore {
  constructor(
    private readonly bus: NatsConnection,
    private readonly bucket: KV,
  ) {}

  /**
   * @throws OfframpError `CONFIG_INVALID` for an invalid name, `STATE_VERSION_UNKNOWN`, `NATS_UNAVAILABLE`,
   *   `JETSTREAM_UNAVAILABLE`
   */
  async goals(group: string): Promise<StoredGoals> {
    checkName('group', group);
    return readGoals(group, await this.call(() => this.bucket.get(goalsPrefix + group)));
  }

  /**
   * Changes a group's goals or mode, unless the same request ID already did.
   * @param afterPolicy the group's newest policy at the time of the change; 0: none
   * @param expectedRevision 0: any
   * @param requestId empty: none
   * @throws OfframpError `POLICY_CONFLICT`, `OUTCOME_UNKNOWN`, and as {@link goals}
   */
  changeGoals(
    group: string,
    change: (before: StoredGoals) => Pick<GoalsChange, 'what' | 'goals' | 'mode' | 'author' | 'reason'>,
    { afterPolicy = 0, expectedRevision = 0, requestId = '' } = {},
  ): Promise<StoredGoals> {
    return untilStored(`the goals of group ${group}`, async () => {
      const entry = await this.call(() => this.bucket.get(goalsPrefix + checkName('group', group)));
      const before = readGoals(group, entry);
      if (requestId !== '' && before.changes.some((one) => one.requestId === requestId)) return before;
      if (expectedRevision !== 0 && expectedRevision !== before.revision) {
        throw new OfframpError(
          'POLICY_CONFLICT',
          `group ${group}: expected goals of revision ${expectedRevision}, found ${before.revision}${before.author ? `, set by ${before.author}` : ''}`,
          { hint: 'Check `offramp fleet goal get`, and set them again if you still want them.' },
        );
      }
      const { what, goals, mode, author, reason } = change(before);
      const asked = { goals, mode, author, reason };
      const added = { what, ...asked, afterRevision: before.revision, afterPolicy, requestId };
      const changes = [...before.changes, added].slice(-maxChanges);
      const value = JSON.stringify({ version: recordVersion, ...asked, changes });
      const revision = await this.compareAndSet(goalsPrefix + group, value, entry?.revision ?? 0);
      return revision === null ? null : this.stored(group);
    });
  }

  /** Reads goals that have just been stored. */
  private stored(group: string): Promise<StoredGoals> {
    return this.goals(group).catch((cause: unknown) => {
      throw outcomeUnknown(`the goals of group ${group} cannot be read: ${messageOf(cause)}`, cause);
    });
  }

  /**
   * `null`: there is no state, or the record is malformed.
   * @throws OfframpError as {@link goals}
   */
  async state(group: string): Promise<{ stored: StoredState | null; revision: number }> {
    const entry = await this.call(() => this.bucket.get(statePrefix + checkName('group', group)));
    return { stored: entry && readState(entry), revision: entry?.revision ?? 0 };
  }

  /** @returns the new revision; `null` if another controller has stored one in the meantime */
  putState(group: string, state: GroupState, previousRevision: number): Promise<number | null> {
    return this.compareAndSet(statePrefix + group, encodeState(state), previousRevision);
  }

  /**
   * The presence record; `null`: there is none, or it is malformed.
   * @throws OfframpError as {@link goals}
   */
  async presence(): Promise<{ presence: Presence | null; revision: number }> {
    const entry = await this.call(() => this.bucket.get(presenceKey));
    const revision = entry?.revision ?? 0;
    if (entry?.operation !== 'PUT') return { presence: null, revision };
    return { presence: readRecord(() => decodePresence(entry.value)), revision };
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

/**
 * Without goals if there is no entry, or a malformed one.
 * @throws OfframpError `STATE_VERSION_UNKNOWN`
 */
export function readGoals(group: string, entry: KvEntry | null): StoredGoals {
  const none = { group, mode: 'auto', author: '', reason: '', setAt: null } as const;
  const nothing: StoredGoals = { ...none, goals: [], changes: [], revision: entry?.revision ?? 0 };
  if (entry?.operation !== 'PUT') return nothing;
  const record = readRecord(() => {
    const json = entry.json();
    checkRecordVersion(`goals of group ${group}`, json);
    return goalsRecordSchema.parse(json);
  });
  return record ? { group, ...record, revision: entry.revision, setAt: entry.created } : nothing;
}

/**
 * `null` for a deleted or malformed state.
 * @throws OfframpError `STATE_VERSION_UNKNOWN`
 */
export function readState(entry: KvEntry): StoredState | null {
  if (entry.operation !== 'PUT') return null;
  const state = readRecord(() => decodeState(entry.value));
  return state && { state, revision: entry.revision, storedAt: entry.created };
}
