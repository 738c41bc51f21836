import { describe, expect, it } from 'vitest';
import { agreement, rounds, settled } from './testing/settled-fleet.js';
import { SimulatedFleet } from './testing/simulated-fleet.js';
import { calm, trueAgreement } from './testing/simulated-group.js';

describe('a policy of an operator', () => {
  it('pins the group until it is resumed', () => {
    const fleet = settled();
    const policy = fleet.policy;
    if (!policy) throw new Error('no policy');
    fleet.setByHand({
      ...policy,
      version: policy.version + 1,
      thresholds: [0.2, 0.2],
      author: 'bob',
      reason: 'trial',
    });
    fleet.play();
    expect(fleet.effectiveMode).toBe('pinned');
    expect(fleet.state.intent?.events).toMatchObject([
      { kind: 'policy', author: 'bob', policyVersion: policy.version + 1, thresholds: [0.2, 0.2] },
    ]);
    expect(fleet.state.explanation[0]).toContain('bob has set policy');
    for (const _ of rounds(5)) fleet.play();
    expect(fleet.policy?.thresholds).toEqual([0.2, 0.2]);
    expect(fleet.state.samplesUnknown).toBe(0);
    // Setting goals, the same or others, does not release the operator's policy.
    fleet.want([agreement]);
    fleet.play();
    expect([fleet.effectiveMode, ...fleet.kinds()]).toEqual(['pinned', 'goals-set']);
    fleet.set('auto');
    fleet.play();
    expect(fleet.effectiveMode).toBe('auto');
    expect(fleet.policy?.version).toBe(policy.version + 2);
    expect(trueAgreement(fleet.policy?.thresholds ?? [], calm)).toBeGreaterThan(0.98);
  });

  it('and a resume between two steps of the controller: the later one counts', () => {
    const fleet = settled();
    const setByHand = () => {
      const { policy } = fleet;
      if (!policy) throw new Error('no policy');
      const byHand = { thresholds: [0.2, 0.2], bundleDigest: null, author: 'bob', reason: '', canary: null };
      fleet.setByHand({ ...policy, ...byHand, version: policy.version + 1 });
    };
    setByHand();
    fleet.set('auto');
    fleet.play();
    expect(fleet.effectiveMode).toBe('auto');
    expect(fleet.kinds().slice(0, 2)).toEqual(['policy', 'mode-set']);
    fleet.set('auto');
    setByHand();
    setByHand();
    fleet.want([agreement, { kind: 'offload', ceiling: 0.9 }]);
    fleet.play();
    expect(fleet.effectiveMode).toBe('pinned');
    expect(fleet.kinds().slice(0, 4)).toEqual(['mode-set', 'policy', 'policy', 'goals-set']);
  });

  it('right after the first goal pins the group', () => {
    const fleet = new SimulatedFleet(4);
    fleet.startAt([2, 2]);
    fleet.want([agreement]);
    if (!fleet.policy) throw new Error('no policy');
    fleet.setByHand({ ...fleet.policy, version: 2 });
    fleet.play();
    expect(fleet.effectiveMode).toBe('pinned');
    expect(fleet.kinds()).toEqual(['goals-set', 'policy']);
  });

  it('and every other change is published as an event', () => {
    const fleet = settled();
    for (const mode of ['frozen', 'auto', 'frozen', 'auto'] as const) fleet.set(mode);
    fleet.play();
    expect(fleet.state.intent?.events.map(({ text }) => text)).toMatchObject([
      'Thresholds are frozen.',
      'The controller sets thresholds.',
      'Thresholds are frozen.',
      'The controller sets thresholds.',
    ]);
    fleet.play();
    expect(fleet.kinds()).not.toContain('mode-set');
  });

  it('set before the first goal is the start of tuning', () => {
    const fleet = new SimulatedFleet(4);
    fleet.startAt([2, 2]);
    fleet.want([agreement]);
    for (const _ of rounds(3)) fleet.play();
    expect(fleet.effectiveMode).toBe('auto');
    expect(fleet.policy).toMatchObject({ maxAuditBytesPerHour: 1_000 });
    expect(fleet.policy?.version).toBeGreaterThan(1);
  });
});
