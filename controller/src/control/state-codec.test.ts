import { deflateRawSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { newGroupState } from './group-state.js';
import { decodeState, encodeState } from './state-codec.js';
import { SimulatedFleet } from './testing/simulated-fleet.js';

it('gives back what it was given, in a fraction of the bytes', () => {
  const fleet = new SimulatedFleet(8);
  fleet.want([{ kind: 'agreement', floor: 0.98 }]);
  for (let i = 0; i < 40; i++) fleet.play();
  const bytes = encodeState(fleet.state);
  expect(decodeState(bytes)).toEqual(JSON.parse(JSON.stringify(fleet.state)));
  expect(bytes.length).toBeLessThan(JSON.stringify(fleet.state).length / 3);
});

it.each([Buffer.from('garbage'), deflateRawSync('{}'), deflateRawSync('null'), new Uint8Array(0)])(
  'refuses what is no state',
  (bytes) => {
    expect(() => decodeState(bytes)).toThrow();
  },
);

it('takes what a state does not say, since it was written before there was such a thing, for new', () => {
  const { degraded, ...older } = newGroupState('once');
  expect(decodeState(deflateRawSync(JSON.stringify({ ...older, number: 3 })))).toEqual({
    ...newGroupState('once'),
    number: 3,
  });
});

it('takes what a canary and policies of such a state do not say of times for not counted', () => {
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

it('has room for a hundred devices apart', () => {
  const fleet = new SimulatedFleet(120);
  fleet.want([{ kind: 'agreement', floor: 0.98 }]);
  for (let i = 0; i < 30; i++) fleet.play(5);
  const [tuner] = Object.values(fleet.state.tuners);
  if (!tuner) throw new Error('nothing was tuned');
  const apart = Array.from({ length: 100 }, (_, i) => ({
    ...{ device: `cam-${i}`, distance: 0.5, thresholds: [2, 2], auditRate: 0.1 },
    // Counts of their own, so that devices do not look alike.
    tuner: JSON.parse(JSON.stringify(tuner), (_, value) => (typeof value === 'number' ? value + i : value)),
  }));
  expect(encodeState({ ...fleet.state, apart }).length).toBeLessThan(512 * 1024);
});
