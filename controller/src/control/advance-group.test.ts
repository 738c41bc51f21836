import { describe, expect, it } from 'vitest';
import type { Goal } from '../tuner/goals.js';
import { calm, trueAgreement } from '../tuner/testing/simulated-group.js';
import { bundle, followed, SimulatedFleet } from './testing/simulated-fleet.js';

const agreement: Goal = { kind: 'agreement', floor: 0.98 };
const rounds = (count: number) => Array.from({ length: count }, (_, i) => i);

function settled(devices = 10, goals: Goal[] = [agreement]): SimulatedFleet {
  const fleet = new SimulatedFleet(devices);
  fleet.want(goals);
  for (const _ of rounds(40)) fleet.play();
  return fleet;
}

const positionOf = (fleet: SimulatedFleet) => bundle.path.positionOf(fleet.policy?.thresholds ?? []);

describe('a group with a goal', () => {
  it('gets audits at once, then thresholds that are proven, by canaries, and is said to meet the goal', () => {
    const fleet = new SimulatedFleet(10);
    fleet.want([agreement]);
    fleet.play();
    expect(fleet.kinds()[0]).toBe('goals-set');
    expect(fleet.policy).toMatchObject({ version: 1, canary: null });
    expect(fleet.policy?.auditRate).toBeGreaterThan(0);
    const kinds = rounds(40).flatMap(() => {
      fleet.play();
      return fleet.kinds();
    });
    expect(kinds).toContain('goal-met');
    expect(kinds).not.toContain('drift');
    expect(fleet.state.canary).toBeNull();
    const thresholds = fleet.policy?.thresholds ?? [];
    expect(trueAgreement(thresholds, calm)).toBeGreaterThan(0.98);
    expect(trueAgreement(thresholds, calm)).toBeLessThan(0.99);
  });

  it('counts every sample once', () => {
    const fleet = settled();
    expect(fleet.state.samples).toBe(fleet.samples);
    expect(fleet.state.samplesUnknown).toBe(0);
    const [tuner] = Object.values(fleet.state.tuners);
    expect(tuner?.samples).toBe(fleet.samples);
  });

  it('tries lower thresholds on some, and gives them to all only afterwards, under the same number', () => {
    const fleet = new SimulatedFleet(10);
    fleet.startAt([2, 2]);
    fleet.want([agreement]);
    const kinds: string[] = [];
    for (const _ of rounds(60)) {
      fleet.play();
      kinds.push(...fleet.kinds());
      if (!fleet.policy?.canary) continue;
      const trying = fleet.devices.filter(
        (device) => followed(fleet.policy, fleet.group, device).version === fleet.policy?.version,
      );
      expect(trying).toHaveLength(3);
    }
    const promoted = fleet.history.filter(
      (policy, i) => !policy.canary && fleet.history[i - 1]?.version === policy.version,
    );
    expect(promoted.length).toBeGreaterThan(2);
    expect(kinds.filter((kind) => kind === 'promoted')).toHaveLength(promoted.length);
    for (const { version, thresholds } of promoted) {
      const tried = fleet.history.find((policy) => policy.version === version && policy.canary);
      expect(tried?.thresholds).toEqual(thresholds);
    }
    expect(trueAgreement(fleet.policy?.thresholds ?? [], calm)).toBeGreaterThan(0.98);
    expect(trueAgreement(fleet.policy?.thresholds ?? [], calm)).toBeLessThan(0.99);
  });

  it('has no canary where there is one device', () => {
    const fleet = new SimulatedFleet(1);
    fleet.startAt([2, 2]);
    fleet.want([agreement]);
    for (const _ of rounds(20)) fleet.play(250);
    expect(fleet.history.every(({ canary }) => canary === null)).toBe(true);
    expect(trueAgreement(fleet.policy?.thresholds ?? [], calm)).toBeLessThan(0.99);
  });

  it('numbers policies one after the other', () => {
    const versions = settled().history.map(({ version }) => version);
    expect([...new Set(versions)]).toEqual(rounds(Math.max(...versions)).map((i) => i + 1));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
  });

  it('goes on from a state that was written down', () => {
    const [fleet, twin] = [settled(), settled()];
    twin.state = JSON.parse(JSON.stringify(twin.state));
    for (const _ of rounds(5)) {
      fleet.play();
      twin.play();
      expect(twin.state).toEqual(JSON.parse(JSON.stringify(fleet.state)));
    }
  });
});

describe('a canary', () => {
  /** In the middle of one. */
  function trying(): SimulatedFleet {
    const fleet = new SimulatedFleet(10);
    fleet.startAt([2, 2]);
    fleet.want([agreement]);
    for (const _ of rounds(40)) {
      fleet.play();
      if (fleet.state.canary) return fleet;
    }
    throw new Error('nothing was tried');
  }

  it('that does harm is taken back by itself, and not tried again soon', () => {
    const fleet = trying();
    const { version, thresholds, canary } = fleet.policy ?? { version: 0, thresholds: [], canary: null };
    fleet.degradedShare = (followed) => (followed.join() === thresholds.join() ? 0.9 : 0);
    for (const _ of rounds(10)) {
      fleet.play(10);
      if (fleet.kinds().includes('rolled-back')) break;
    }
    expect(fleet.state.intent?.events.find(({ kind }) => kind === 'rolled-back')?.text).toMatch(
      /taken back: \d.* of its samples were answered by a branch/,
    );
    expect(fleet.policy).toMatchObject({ version: version + 1, canary: null });
    expect(fleet.policy?.thresholds).toEqual(canary?.stable.thresholds);
    const samples = fleet.samples;
    for (const _ of rounds(20)) {
      fleet.play();
      if (fleet.samples < 2 * samples)
        expect(positionOf(fleet)).toBeLessThan(bundle.path.positionOf(thresholds));
    }
  });

  describe('where there is a latency goal', () => {
    const latency: Goal = { kind: 'latency', targetMs: 80, quantile: 0.5 };

    it.each([1, 2, 3, 4])('is not taken back because a slow device tries it (%d)', (seed) => {
      const fleet = new SimulatedFleet(5, seed);
      fleet.startAt([2, 2]);
      fleet.want([agreement, latency]);
      fleet.cloudMsOf = (device) => (device === 'cam-0' ? 200 : 20);
      const trying = new Set<string>();
      const kinds = rounds(80).flatMap(() => {
        fleet.play();
        const { policy, group } = fleet;
        if (policy?.canary) {
          for (const device of fleet.devices) {
            if (followed(policy, group, device).version === policy.version) trying.add(device);
          }
        }
        return fleet.kinds();
      });
      expect(trying).toContain('cam-0');
      expect(kinds).toContain('promoted');
      expect(kinds).not.toContain('rolled-back');
    });

    it('is taken back where it makes devices slow', () => {
      const fleet = new SimulatedFleet(5);
      fleet.startAt([2, 2]);
      fleet.want([agreement, latency]);
      fleet.cloudMsOf = (device) => {
        const { policy, group } = fleet;
        return policy?.canary && followed(policy, group, device).version === policy.version ? 200 : 20;
      };
      const kinds = rounds(40).flatMap(() => {
        fleet.play(15);
        return fleet.kinds();
      });
      expect(kinds).toContain('rolled-back');
    });

    it('that comes while something is tried, what is tried is not taken back for what nobody has counted before', () => {
      const fleet = trying();
      fleet.cloudMsOf = () => 200;
      fleet.want([agreement, latency]);
      const kinds = rounds(40).flatMap(() => {
        fleet.play(10);
        return fleet.kinds();
      });
      expect(kinds).toContain('promoted');
      expect(kinds).not.toContain('rolled-back');
    });
  });

  it('is ended by a freeze, and everything stays then', () => {
    const fleet = trying();
    const stable = fleet.policy?.canary?.stable.thresholds;
    fleet.set('frozen');
    fleet.play();
    expect(fleet.kinds()).toEqual(['mode-set', 'rolled-back']);
    expect(fleet.policy?.thresholds).toEqual(stable);
    const { length } = fleet.history;
    for (const _ of rounds(30)) fleet.play();
    expect(fleet.history).toHaveLength(length);
    fleet.set('auto');
    for (const _ of rounds(10)) fleet.play();
    expect(fleet.history.length).toBeGreaterThan(length);
  });

  it('goes on with other devices where those that were chosen are away', () => {
    const fleet = trying();
    const before = fleet.policy;
    fleet.devices = fleet.devices.filter(
      (device) => followed(before, fleet.group, device).version !== before?.version,
    );
    for (const _ of rounds(60)) {
      fleet.play();
      if (!fleet.state.canary) break;
    }
    expect(fleet.policy).toMatchObject({ version: before?.version, canary: null });
  });
});

describe('when the world moves', () => {
  it('everybody gets higher thresholds at once, then it is said, and they come back by audits', () => {
    const fleet = settled();
    fleet.worldOf = () => ({ ease: 0.4, overconfidence: 3 });
    const found = rounds(8).find(() => {
      fleet.play();
      return fleet.kinds().includes('drift');
    });
    expect(found).toBeDefined();
    expect(fleet.kinds()[0]).toBe('drift');
    expect(fleet.policy).toMatchObject({ canary: null, exceptions: [] });
    expect(bundle.path.positionOf(fleet.policy?.thresholds ?? [])).toBe(0);
    for (const _ of rounds(40)) fleet.play();
    expect(positionOf(fleet)).toBeGreaterThan(0);
    expect(trueAgreement(fleet.policy?.thresholds ?? [], fleet.worldOf('cam-0'))).toBeGreaterThan(0.98);
  });

  it('for one device, that device gets thresholds of its own, nobody else anything, and it may come back', () => {
    const fleet = settled(12);
    const before = fleet.policy?.thresholds;
    fleet.worldOf = (device) => (device === 'cam-3' ? { ease: 0.1, overconfidence: 6 } : calm);
    const kinds = rounds(12).flatMap(() => {
      fleet.play();
      return fleet.kinds();
    });
    expect(kinds.filter((kind) => kind === 'device-deviates')).toHaveLength(1);
    expect(kinds).not.toContain('drift');
    expect(fleet.policy?.exceptions.map(({ device }) => device)).toEqual(['cam-3']);
    expect(fleet.policy?.thresholds).toEqual(before);
    const [apart] = fleet.state.apart;
    expect(apart?.tuner.samples).toBeGreaterThan(0);
    expect(apart?.thresholds[0]).toBeGreaterThan(1);
    fleet.worldOf = () => calm;
    const later = rounds(60).flatMap(() => {
      fleet.play();
      return fleet.kinds();
    });
    expect(later).toContain('device-rejoined');
    expect(fleet.policy?.exceptions).toEqual([]);
  });

  it.each([1, 2, 3, 4])(
    'for one device of ten, that is no drift of the group, whatever the seed (%d)',
    (seed) => {
      const fleet = new SimulatedFleet(10, seed);
      fleet.want([agreement]);
      for (const _ of rounds(80)) fleet.play(10);
      fleet.worldOf = (device) => (device === 'cam-1' ? { ease: 0.05, overconfidence: 10 } : calm);
      const kinds = rounds(40).flatMap(() => {
        fleet.play(10);
        return fleet.kinds();
      });
      expect(kinds).toContain('device-deviates');
      expect(kinds).not.toContain('drift');
      expect(fleet.state.apart.map(({ device }) => device)).toEqual(['cam-1']);
    },
  );
});

describe('answers that the cloud does not give', () => {
  it('are told of when they become many, and when it is over, and agreement is not said of them', () => {
    const fleet = settled();
    fleet.degradedShare = () => 0.9;
    const during = rounds(10).flatMap(() => {
      fleet.play();
      return fleet.state.intent?.events.filter(({ kind }) => kind.startsWith('degraded')) ?? [];
    });
    expect(during).toMatchObject([{ kind: 'degraded', severity: 'warning' }]);
    expect(during[0]?.text).toMatch(
      /^Of the last \d+ samples, \d.* % were answered by a branch that was not sure/,
    );
    expect(fleet.state.explanation.join('\n')).toContain(
      'What is said of agreement is not said of degraded answers.',
    );
    fleet.degradedShare = () => 0;
    const after = rounds(10).flatMap(() => {
      fleet.play();
      return fleet.kinds().filter((kind) => kind.startsWith('degraded'));
    });
    expect(after).toEqual(['degraded-over']);
    expect(fleet.state.explanation.join('\n')).not.toContain('not said of degraded');
  });
});

describe('a policy of a person', () => {
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
    // The same goals, or others, do not let go of what a person has set.
    fleet.want([agreement]);
    fleet.play();
    expect([fleet.effectiveMode, ...fleet.kinds()]).toEqual(['pinned', 'goals-set']);
    fleet.set('auto');
    fleet.play();
    expect(fleet.effectiveMode).toBe('auto');
    expect(fleet.policy?.version).toBe(policy.version + 2);
    expect(trueAgreement(fleet.policy?.thresholds ?? [], calm)).toBeGreaterThan(0.98);
  });

  it('and a resume between two looks of the controller: the last word counts', () => {
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

  it('and what else people do is told, all of it', () => {
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

  it('of before there was a goal is where tuning begins', () => {
    const fleet = new SimulatedFleet(4);
    fleet.startAt([2, 2]);
    fleet.want([agreement]);
    for (const _ of rounds(3)) fleet.play();
    expect(fleet.effectiveMode).toBe('auto');
    expect(fleet.policy).toMatchObject({ maxAuditBytesPerHour: 1_000 });
    expect(fleet.policy?.version).toBeGreaterThan(1);
  });
});

describe('a group that cannot be tuned', () => {
  it('says what is missing', () => {
    const fleet = new SimulatedFleet(2);
    fleet.bundle = null;
    fleet.want([agreement]);
    expect(fleet.advance([]).problem).toBe('No device has reported yet.');
    expect(fleet.advance([], { bundleDigest: 'cd'.repeat(32) }).problem).toContain(
      'offramp fleet bundle add',
    );
    fleet.bundle = bundle;
    fleet.want([{ kind: 'latency', targetMs: 80, quantile: 0.95 }]);
    fleet.play();
    expect(fleet.state.problem).toBeNull();
    expect(fleet.state.explanation.join()).toContain('No answers have been counted against 80 ms yet');
    expect(fleet.policy?.latencyTargetMs).toBe(80);
    fleet.want([]);
    expect(fleet.play().problem).toBe('No goal is set.');
  });
});
