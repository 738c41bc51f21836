import { deflateRawSync } from 'node:zlib';
import { propertyNames } from '@offramp/runtime/testing';
import { expect, it } from 'vitest';
import { newGroupState } from '../decide/model/group-state.js';
import { SimulatedFleet } from '../decide/testing/simulated-fleet.js';
import { decodePresence, decodeState, encodePresence, encodeState } from './state-codec.js';

it('decodes to the same state, in a fraction of the bytes', () => {
  const fleet = new SimulatedFleet(8);
  fleet.want([{ kind: 'agreement', floor: 0.98 }]);
  for (let i = 0; i < 40; i++) fleet.play();
  const bytes = encodeState(fleet.state);
  expect(decodeState(bytes)).toEqual(JSON.parse(JSON.stringify(fleet.state)));
  expect(bytes.length).toBeLessThan(JSON.stringify(fleet.state).length / 3);
});

it.each([Buffer.from('garbage'), deflateRawSync('{}'), deflateRawSync('null'), new Uint8Array(0)])(
  'rejects malformed states',
  (bytes) => {
    expect(() => decodeState(bytes)).toThrow();
  },
);

it('reads a state without a version as version 1, and fills in defaults', () => {
  const { degraded, ...older } = newGroupState('once');
  expect(decodeState(deflateRawSync(JSON.stringify({ ...older, number: 3 })))).toEqual({
    ...newGroupState('once'),
    number: 3,
  });
});

it('defaults to no late answers in canaries and policies', () => {
  const fleet = new SimulatedFleet(8);
  fleet.startAt([2, 2]);
  fleet.want([{ kind: 'agreement', floor: 0.98 }]);
  while (!fleet.state.canary) fleet.play();
  const { canary, known, ...rest } = fleet.state;
  const { before, tried, ...older } = canary;
  const written = {
    ...rest,
    known: known.map(({ latencyTargetMs, ...policy }) => policy),
    canary: { ...older, tried: { samples: 7, degraded: 1, late: 0 } },
  };
  const read = decodeState(deflateRawSync(JSON.stringify(written)));
  expect(read.canary).toMatchObject({
    before: { samples: 0, timed: 0 },
    tried: { samples: 7, degraded: 1, timed: 0, late: 0 },
  });
  expect(read.known).toEqual(known);
});

it('rejects states and presence of a newer version, and names the version', () => {
  const newer = (record: object) => deflateRawSync(JSON.stringify({ ...record, version: 2 }));
  expect(() => decodeState(newer(newGroupState('once')))).toThrow(
    expect.objectContaining({
      code: 'STATE_VERSION_UNKNOWN',
      message: 'state of a group: expected version 1, found 2',
    }),
  );
  expect(() => decodePresence(newer({ epoch: 'once', number: 1 }))).toThrow('expected version 1, found 2');
});

it('has room for a hundred outlier devices', () => {
  const fleet = new SimulatedFleet(120);
  fleet.want([{ kind: 'agreement', floor: 0.98 }]);
  for (let i = 0; i < 30; i++) fleet.play(5);
  const [tuner] = Object.values(fleet.state.tuners);
  if (!tuner) throw new Error('no tuner state');
  const outliers = Array.from({ length: 100 }, (_, i) => ({
    ...{ device: `cam-${i}`, distance: 0.5, thresholds: [2, 2], auditRate: 0.1 },
    // Different counts, so that devices differ.
    tuner: JSON.parse(JSON.stringify(tuner), (_, value) => (typeof value === 'number' ? value + i : value)),
  }));
  expect(encodeState({ ...fleet.state, outliers }).length).toBeLessThan(512 * 1024);
});

it('keeps silent devices in groups of any name, and reads them from an object', () => {
  const presence = {
    ...{ epoch: 'once', number: 2, workers: { heard: ['w'], silent: [] }, events: [] },
    silent: new Map([...propertyNames, 'north'].map((group) => [group, [group]] as const)),
  };
  expect(decodePresence(encodePresence(presence))).toEqual(presence);
  const written = { ...presence, silent: { north: ['a'] } };
  expect(decodePresence(deflateRawSync(JSON.stringify(written))).silent).toEqual(new Map([['north', ['a']]]));
});
