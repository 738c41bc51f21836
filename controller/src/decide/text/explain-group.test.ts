import { expect, it } from 'vitest';
import type { Goal } from '../model/goals.js';
import { SimulatedFleet } from '../testing/simulated-fleet.js';
import { explainGroup, explainNow } from './explain-group.js';

const agreement: Goal = { kind: 'agreement', floor: 0.98 };
const said = (fleet: SimulatedFleet) => explainGroup(fleet.state, fleet.group, []).join('\n');

it('describes canary, modes and missing information', () => {
  const fleet = new SimulatedFleet(8);
  fleet.startAt([2, 2]);
  fleet.want([agreement]);
  fleet.play();
  expect(said(fleet)).toContain('Policy 2 is tried by 2 of 8 devices first');
  expect(said(fleet)).toContain('which follow policy 1');
  fleet.set('frozen');
  fleet.play();
  expect(said(fleet)).toMatch(/^Thresholds are frozen, so they stay until `offramp fleet resume cameras`\./);
  expect(explainGroup(fleet.state, 'cameras', ['This is not known.']).at(-1)).toBe('This is not known.');
});

it('names outlier devices, the first of many', () => {
  const fleet = new SimulatedFleet(8);
  fleet.want([agreement]);
  fleet.play();
  const outliers = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      ...{ device: `cam-${i}`, distance: 0.25, thresholds: [2, 2], auditRate: 0.1 },
      tuner: Object.values(fleet.state.tuners)[0] as never,
    }));
  fleet.state = { ...fleet.state, outliers: outliers(1) };
  expect(said(fleet)).toContain('One device differs from its group');
  fleet.state = { ...fleet.state, outliers: outliers(7) };
  expect(said(fleet)).toContain('7 devices differ from their group');
  expect(said(fleet)).toContain('cam-4 (25 %) and 2 more.');
});

it('of a pinned group, separates the thresholds in force from the controller’s own', () => {
  const fleet = new SimulatedFleet(8);
  fleet.startAt([0.9, 0.9]);
  fleet.want([agreement]);
  fleet.play();
  if (!fleet.policy) throw new Error('no policy');
  const byHand = { thresholds: [2, 2], bundleDigest: null, canary: null, author: 'bob' };
  fleet.setByHand({ ...fleet.policy, ...byHand, version: fleet.policy.version + 1 });
  for (let i = 0; i < 10; i++) fleet.play();
  const text = said(fleet);
  expect(text).toContain('Thresholds in force are never, never.');
  expect(text).toContain('The controller would have 0.');
  expect(text).not.toMatch(/Thresholds are 0|went/);
});

it('names changes that it does not cover yet', () => {
  const fleet = new SimulatedFleet(8);
  fleet.startAt([0.9, 0.9]);
  fleet.want([agreement]);
  const { explanation, policy, goalsRevision } = fleet.play();
  const seen = { policyVersion: policy?.version ?? 0, goalsRevision };
  expect(explainNow(fleet.state, seen)).toEqual(explanation);
  expect(explainNow(fleet.state, { ...seen, policyVersion: 7 })).toEqual([
    'The controller has not considered policy 7 yet. The rest describes the previous state.',
    ...explanation,
  ]);
  expect(explainNow(fleet.state, { policyVersion: 7, goalsRevision: 9 })[0]).toContain(
    "policy 7 and the group's goals yet",
  );
});
