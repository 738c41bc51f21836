import { WindowCounters } from '@offramp/contracts';
import { describe, expect, it } from 'vitest';
import type { ApiEvent, ApiGroup } from '../../src/http/schemas/index.js';
import { afterEvents, afterMessages, emptyFleet, noteworthyDegraded } from './fleet-state.js';

const facts = {
  ...{ agreement: 0.99, agreementBound: 0.98, provenBy: 'table' as const, cost: 0.4, offloadShare: 0.1 },
  ...{ exitShares: [0.9, 0.1], samples: 10, records: 1, tableSamples: 5 },
};
const event = (sequence: number, group = 'cameras', withFacts = false): ApiEvent => ({
  ...{ sequence, at: new Date(sequence * 1_000).toISOString(), group, device: '', kind: 'policy' },
  ...{ severity: 'info', text: `event ${sequence}`, author: '', policyVersion: sequence },
  ...{ thresholds: [], explanation: [], facts: withFacts ? facts : null },
});

describe('afterMessages', () => {
  it('keeps the newest message of each kind, and removes deleted groups', () => {
    const state = afterMessages(emptyFleet, [
      { name: 'names', data: { group: 'cameras', devices: ['a', 'b'] } },
      { name: 'standings', data: { group: 'cameras', standings: 'ox' } },
      { name: 'standings', data: { group: 'cameras', standings: 'oo' } },
      { name: 'names', data: { group: 'doors', devices: ['c'] } },
      { name: 'workers', data: { workers: [] } },
      { name: 'controller', data: { connected: false, problem: null, leader: null } },
      { name: 'gone', data: { group: 'doors' } },
    ]);
    expect(state.names).toEqual(new Map([['cameras', ['a', 'b']]]));
    expect(state.standings).toEqual(new Map([['cameras', 'oo']]));
    expect(state.controller).toEqual({ connected: false, problem: null, leader: null });
  });
});

describe('afterEvents', () => {
  it('keeps each event once, the newest first, up to a bound', () => {
    const some = afterEvents(emptyFleet, [event(3), event(5)]);
    const state = afterEvents(some, [event(5), event(4)]);
    expect(state.events.map(({ sequence }) => sequence)).toEqual([5, 4, 3]);
    expect(afterEvents(state, [event(4)])).toBe(state);
    const many = afterEvents(
      state,
      Array.from({ length: 1_000 }, (_, i) => event(i + 10)),
    );
    expect(many.events).toHaveLength(300);
    expect(many.events[0]?.sequence).toBe(1_009);
  });

  it('takes points of agreement from the facts of events, in order of time', () => {
    const state = afterEvents(emptyFleet, [event(3, 'cameras', true), event(1, 'cameras', true), event(2)]);
    expect(state.agreement.get('cameras')).toEqual([
      { atMs: 1_000, agreement: 0.99, bound: 0.98 },
      { atMs: 3_000, agreement: 0.99, bound: 0.98 },
    ]);
  });
});

describe('noteworthyDegraded', () => {
  const withDegraded = (samples: number, degraded: number): ApiGroup => ({
    ...{ group: 'cameras', devices: 1, online: 1, bundles: [], status: null, goals: null },
    activity: {
      ...new WindowCounters(),
      ...{ windowMs: 1_000, samples, exits: [], degraded, refusedByWorker: 0, bytesSaved: 0 },
      ...{ latencyP50Ms: null, latencyP99Ms: null },
    },
  });

  it('is a share of answers from 2 % on', () => {
    expect([withDegraded(0, 0), withDegraded(100, 1), withDegraded(100, 2)].map(noteworthyDegraded)).toEqual([
      null,
      null,
      0.02,
    ]);
  });
});
