import { expect, it } from 'vitest';
import type { Goal } from '../tuner/goals.js';
import { explainGroup, explainNow } from './explain-group.js';
import { SimulatedFleet } from './testing/simulated-fleet.js';

const agreement: Goal = { kind: 'agreement', floor: 0.98 };
const said = (fleet: SimulatedFleet) => explainGroup(fleet.state, fleet.group, []).join('\n');

it('tells of a canary, of modes and of what is missing', () => {
  const fleet = new SimulatedFleet(8);
  fleet.startAt([2, 2]);
  fleet.want([agreement]);
  fleet.play();
  expect(said(fleet)).toContain('Policy 2 is tried by 25 % of devices first');
  expect(said(fleet)).toContain('who follow policy 1');
  fleet.set('frozen');
  fleet.play();
  expect(said(fleet)).toMatch(/^Thresholds are frozen, so they stay until `offramp fleet resume cameras`\./);
  expect(explainGroup(fleet.state, 'cameras', ['This is not known.']).at(-1)).toBe('This is not known.');
});

it('names devices apart, the first of many', () => {
  const fleet = new SimulatedFleet(8);
  fleet.want([agreement]);
  fleet.play();
  const apart = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      ...{ device: `cam-${i}`, distance: 0.25, thresholds: [2, 2], auditRate: 0.1 },
      tuner: Object.values(fleet.state.tuners)[0] as never,
    }));
  fleet.state = { ...fleet.state, apart: apart(1) };
  expect(said(fleet)).toContain('One device sees something else than the group');
  fleet.state = { ...fleet.state, apart: apart(7) };
  expect(said(fleet)).toContain('7 devices see something else');
  expect(said(fleet)).toContain('cam-4 (25 %) and 2 more.');
});

it('of a pinned group, does not take what evidence leads to for what is in force', () => {
  const fleet = new SimulatedFleet(8);
  fleet.startAt([0.9, 0.9]);
  fleet.want([agreement]);
  fleet.play();
  if (!fleet.policy) throw new Error('no policy');
  const byHand = { thresholds: [2, 2], bundleDigest: null, canary: null, author: 'bob' };
  fleet.setByHand({ ...fleet.policy, ...byHand, version: fleet.policy.version + 1 });
  for (let i = 0; i < 10; i++) fleet.play();
  const text = said(fleet);
  expect(text).toContain('In force are never, never.');
  expect(text).toContain('The controller would have 0.');
  expect(text).not.toMatch(/Thresholds are 0|went/);
});

it('says what it has not looked at yet', () => {
  const fleet = new SimulatedFleet(8);
  fleet.startAt([0.9, 0.9]);
  fleet.want([agreement]);
  const { explanation, policy, goalsRevision } = fleet.play();
  const seen = { policyVersion: policy?.version ?? 0, goalsRevision };
  expect(explainNow(fleet.state, seen)).toEqual(explanation);
  expect(explainNow(fleet.state, { ...seen, policyVersion: 7 })).toEqual([
    'The controller has not looked at policy 7 yet. What follows is of before.',
    ...explanation,
  ]);
  expect(explainNow(fleet.state, { policyVersion: 7, goalsRevision: 9 })[0]).toContain(
    'policy 7 and what is wanted of the group yet',
  );
});
