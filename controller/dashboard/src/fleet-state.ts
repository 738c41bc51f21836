import type { ApiEvent, ApiGroup, ApiWorker, StreamMessages } from '../../src/http/schemas/index.js';
import type { StreamMessage } from './stream-link.js';

/** A group's estimated agreement at a time of the NATS server's clock. */
export interface AgreementPoint {
  atMs: number;
  agreement: number;
  /** Lower bound with 95 % certainty. */
  bound: number;
}

export interface FleetState {
  groups: ReadonlyMap<string, ApiGroup>;
  /** Names of the devices of each group, and a letter for the state of each: see `standings.ts`. */
  names: ReadonlyMap<string, readonly string[]>;
  standings: ReadonlyMap<string, string>;
  agreement: ReadonlyMap<string, readonly AgreementPoint[]>;
  workers: readonly ApiWorker[];
  controller: StreamMessages['controller'] | null;
  /** The newest first. */
  events: readonly ApiEvent[];
}

export const emptyFleet: FleetState = {
  groups: new Map(),
  names: new Map(),
  standings: new Map(),
  agreement: new Map(),
  workers: [],
  controller: null,
  events: [],
};

/** From this share on, a group's degraded answers are shown beside its agreement. */
const noteworthyDegradedShare = 0.02;

/** Share of degraded answers if it is large enough to show, else `null`. Agreement does not cover them. */
export function noteworthyDegraded({ activity: { samples, degraded } }: ApiGroup): number | null {
  const share = samples === 0 ? 0 : degraded / samples;
  return share >= noteworthyDegradedShare ? share : null;
}

const modeNames = { auto: '', pinned: 'pinned', frozen: 'frozen' } as const;

/** `pinned` or `frozen` if the controller does not change the thresholds, else empty. */
export const heldBy = ({ goals, status }: ApiGroup): string =>
  modeNames[goals?.mode ?? status?.mode ?? 'auto'];

const maxEvents = 300;
const maxPoints = 600;

/** The fleet after messages of the stream. */
export function afterMessages(before: FleetState, messages: readonly StreamMessage[]): FleetState {
  return messages.reduce(afterMessage, before);
}

function afterMessage(state: FleetState, message: StreamMessage): FleetState {
  switch (message.name) {
    case 'group': {
      const { group, status } = message.data;
      const next = { ...state, groups: withEntry(state.groups, group, message.data) };
      if (!status?.decidedAt || !status.decision) return next;
      const { agreement, agreementBound: bound } = status.decision.facts;
      return withPoints(next, group, [{ atMs: Date.parse(status.decidedAt), agreement, bound }]);
    }
    case 'gone': {
      const { group } = message.data;
      return {
        ...state,
        groups: without(state.groups, group),
        names: without(state.names, group),
        standings: without(state.standings, group),
        agreement: without(state.agreement, group),
      };
    }
    case 'names':
      return { ...state, names: withEntry(state.names, message.data.group, message.data.devices) };
    case 'standings':
      return { ...state, standings: withEntry(state.standings, message.data.group, message.data.standings) };
    case 'workers':
      return { ...state, workers: message.data.workers };
    case 'controller':
      return { ...state, controller: message.data };
    case 'event':
      return afterEvents(state, [message.data]);
    case 'hello':
    case 'reset':
      return state;
  }
}

/** Adds events in any order; known ones are ignored. */
export function afterEvents(state: FleetState, news: readonly ApiEvent[]): FleetState {
  const known = new Set(state.events.map(({ sequence }) => sequence));
  const fresh = news.filter(({ sequence }) => !known.has(sequence));
  if (fresh.length === 0) return state;
  const events = [...state.events, ...fresh].sort((a, b) => b.sequence - a.sequence).slice(0, maxEvents);
  return fresh.reduce<FleetState>(
    (next, { group, at, facts }) =>
      facts && group !== ''
        ? withPoints(next, group, [
            { atMs: Date.parse(at), agreement: facts.agreement, bound: facts.agreementBound },
          ])
        : next,
    { ...state, events },
  );
}

function withPoints(state: FleetState, group: string, news: readonly AgreementPoint[]): FleetState {
  const points = state.agreement.get(group) ?? [];
  const fresh = news.filter(({ atMs }) => !points.some((point) => point.atMs === atMs));
  if (fresh.length === 0) return state;
  const all = [...points, ...fresh].sort((a, b) => a.atMs - b.atMs);
  return { ...state, agreement: withEntry(state.agreement, group, thinned(all)) };
}

/** Removes every other point of the older half when there are too many. */
function thinned(points: AgreementPoint[]): AgreementPoint[] {
  if (points.length <= maxPoints) return points;
  return points.filter((_, i) => i >= maxPoints / 2 || i % 2 === 0);
}

function withEntry<V>(map: ReadonlyMap<string, V>, key: string, value: V): Map<string, V> {
  return new Map(map).set(key, value);
}

function without<V>(map: ReadonlyMap<string, V>, key: string): Map<string, V> {
  const rest = new Map(map);
  rest.delete(key);
  return rest;
}
