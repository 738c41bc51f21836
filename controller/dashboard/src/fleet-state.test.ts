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
  it('keeps the newest of each kind, and forgets groups that are gone', () => {
    const state = afterMessages(emptyFleet, [
      { name: 'names', data: { group: 'cameras', devices: ['a', 'b'] } },
      { name: 'standings', data: { group: 'cameras', standings: 'ox' } },
      { name: 'standings', data: { group: 'cameras', standings: 'oo' } },
      { name: 'names', data: { group: 'doors', devices: ['c'] } },
      { name: 'workers', data: { workers: [] } },
      { name: 'controller', data: { connected: false, leader: null } },
      { name: 'gone', data: { group: 'doors' } },
    ]);
    expect(state.names).toEqual(new Map([['cameras', ['a', 'b']]]));
    expect(state.standings).toEqual(new Map([['cameras', 'oo']]));
    expect(state.controller).toEqual({ connected: false, leader: null });
  });
});

describe('afterEvents', () => {
  it('keeps each once, the newest first, and no more than a bound', () => {
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

  it('draws agreement from what they stood on, in the order of time', () => {
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
      ...{ windowMs: 1_000, samples, exits: [], offloaded: 0, degraded, refused: 0, failed: 0 },
      refusedByWorker: 0,
      ...{ offloadBytes: 0, bytesSaved: 0, audited: 0, auditsAgreed: 0 },
      ...{ latencyP50Ms: null, latencyP99Ms: null },
    },
  });

  it('is a share of answers from two in a hundred on', () => {
    expect([withDegraded(0, 0), withDegraded(100, 1), withDegraded(100, 2)].map(noteworthyDegraded)).toEqual([
      null,
      null,
      0.02,
    ]);
  });
});
