import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { noAnswers } from './canary.js';
import { type GroupState, newGroupState } from './group-state.js';
import type { Presence } from './presence.js';

/** What a state may be once it is inflated, lest a spoiled one takes all memory. */
const maxStateBytes = 64 * 2 ** 20;

/** Mostly small counts, many of them alike: deflated, they take a fifth. */
export function encodeState(state: GroupState): Uint8Array {
  return deflateRawSync(JSON.stringify(state));
}

export function encodePresence(presence: Presence): Uint8Array {
  return deflateRawSync(JSON.stringify(presence));
}

/** @throws Error for what {@link encodePresence} did not give */
export function decodePresence(bytes: Uint8Array): Presence {
  const presence = inflate(bytes) as Presence;
  if (typeof presence.number !== 'number' || typeof presence.epoch !== 'string')
    throw new Error('not who is silent');
  return presence;
}

/** @throws Error for what {@link encodeState} did not give */
export function decodeState(bytes: Uint8Array): GroupState {
  const state = inflate(bytes) as GroupState;
  if (typeof state.number !== 'number' || typeof state.epoch !== 'string')
    throw new Error('no state of a group');
  // What is new since it was written begins as in a new state.
  return { ...newGroupState(state.epoch), ...state, ...withTimes(state) };
}

function inflate(bytes: Uint8Array): unknown {
  return JSON.parse(inflateRawSync(bytes, { maxOutputLength: maxStateBytes }).toString());
}

/** Also for what was written before times were counted apart. */
function withTimes({ known = [], canary = null, policy = null }: Partial<GroupState>) {
  const latencyTargetMs = policy?.latencyTargetMs ?? null;
  return {
    known: known.map((one) => ({ ...{ latencyTargetMs }, ...one })),
    canary: canary && {
      ...{ before: noAnswers },
      ...canary,
      tried: { ...noAnswers, ...canary.tried },
      others: { ...noAnswers, ...canary.others },
    },
  };
}
