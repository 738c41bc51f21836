import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { type GroupState, newGroupState } from '../decide/model/group-state.js';
import type { Presence } from '../decide/presence.js';
import { noAnswers } from '../decide/rollout/canary.js';
import { checkRecordVersion, recordVersion } from './record-version.js';

/** Limit of an inflated record, so that a corrupt one does not exhaust memory. */
const maxStateBytes = 64 * 2 ** 20;

/** {@link Presence} in JSON. */
type StoredPresence = Omit<Presence, 'silent'> & { silent: Readonly<Record<string, readonly string[]>> };

/** Deflated, because the state has many small and equal counts: a fifth of the bytes. */
export function encodeState(state: GroupState): Uint8Array {
  return encode(state);
}

export function encodePresence(presence: Presence): Uint8Array {
  return encode({ ...presence, silent: Object.fromEntries(presence.silent) });
}

/** @throws OfframpError `STATE_VERSION_UNKNOWN`; Error for anything else that {@link encodePresence} did not write */
export function decodePresence(bytes: Uint8Array): Presence {
  const { silent, ...presence } = decode<StoredPresence>('presence', bytes);
  return { ...presence, silent: new Map(Object.entries(silent)) };
}

/** @throws OfframpError `STATE_VERSION_UNKNOWN`; Error for anything else that {@link encodeState} did not write */
export function decodeState(bytes: Uint8Array): GroupState {
  const state = decode<GroupState>('state of a group', bytes);
  return { ...newGroupState(state.epoch), ...state, ...withTimes(state) };
}

function encode(record: object): Uint8Array {
  return deflateRawSync(JSON.stringify({ version: recordVersion, ...record }));
}

function decode<T extends { number: number; epoch: string }>(what: string, bytes: Uint8Array): T {
  const inflated = inflateRawSync(bytes, { maxOutputLength: maxStateBytes });
  const record = JSON.parse(inflated.toString()) as T & { version?: number };
  checkRecordVersion(what, record);
  const { version, ...rest } = record;
  if (typeof record.number !== 'number' || typeof record.epoch !== 'string') {
    throw new Error(
      `${what}: expected a number and an epoch, found ${Object.keys(rest).join(', ') || 'nothing'}`,
    );
  }
  return rest as unknown as T;
}

/** Fills in missing counts of late answers with none. */
function withTimes({ known = [], canary = null, policy = null }: Partial<GroupState>) {
  const latencyTargetMs = policy?.latencyTargetMs ?? null;
  return {
    known: known.map((one) => ({ ...{ latencyTargetMs }, ...one })),
    canary: canary && {
      ...{ before: noAnswers, reach: null },
      ...canary,
      tried: { ...noAnswers, ...canary.tried },
      others: { ...noAnswers, ...canary.others },
    },
  };
}
