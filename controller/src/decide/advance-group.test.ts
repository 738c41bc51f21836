import { describe, expect, it } from 'vitest';
import { agreement, positionOf, rounds, settled } from './testing/settled-fleet.js';
import { bundle, followed, SimulatedFleet } from './testing/simulated-fleet.js';
import { calm, trueAgreement } from './testing/simulated-group.js';

describe('a group with a goal', () => {
  it('gets audits at once, then proven thresholds by canaries, and is reported to meet the goal', () => {
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

  it('tries lower thresholds on some devices, and gives them to all only afterwards, under the same version', () => {
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

  it('has no canary with a single device', () => {
    const fleet = new SimulatedFleet(1);
    fleet.startAt([2, 2]);
    fleet.want([agreement]);
    for (const _ of rounds(20)) fleet.play(250);
    expect(fleet.history.every(({ canary }) => canary === null)).toBe(true);
    expect(trueAgreement(fleet.policy?.thresholds ?? [], calm)).toBeLessThan(0.99);
  });

  it('numbers policies consecutively', () => {
    const versions = settled().history.map(({ version }) => version);
    expect([...new Set(versions)]).toEqual(rounds(Math.max(...versions)).map((i) => i + 1));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
  });

  it('continues from a serialised state', () => {
    const [fleet, twin] = [settled(), settled()];
    twin.state = JSON.parse(JSON.stringify(twin.state));
    for (const _ of rounds(5)) {
      fleet.play();
      twin.play();
      expect(twin.state).toEqual(JSON.parse(JSON.stringify(fleet.state)));
    }
  });
});

describe('when the input distribution shifts', () => {
  it('all devices get higher thresholds at once, the drift is reported, and audits lower them again', () => {
    const fleet = settled();
    fleet.trafficOf = () => ({ ease: 0.4, overconfidence: 3 });
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
    expect(trueAgreement(fleet.policy?.thresholds ?? [], fleet.trafficOf('cam-0'))).toBeGreaterThan(0.98);
  });

  it('for one device, only that device gets its own thresholds, and it may rejoin', () => {
    const fleet = settled(12);
    const before = fleet.policy?.thresholds;
    fleet.trafficOf = (device) => (device === 'cam-3' ? { ease: 0.1, overconfidence: 6 } : calm);
    const kinds = rounds(12).flatMap(() => {
      fleet.play();
      return fleet.kinds();
    });
    expect(kinds.filter((kind) => kind === 'device-deviates')).toHaveLength(1);
    expect(kinds).not.toContain('drift');
    expect(fleet.policy?.exceptions.map(({ device }) => device)).toEqual(['cam-3']);
    expect(fleet.policy?.thresholds).toEqual(before);
    const [outlier] = fleet.state.outliers;
    expect(outlier?.tuner.samples).toBeGreaterThan(0);
    expect(outlier?.thresholds[0]).toBeGreaterThan(1);
    fleet.trafficOf = () => calm;
    const later = rounds(60).flatMap(() => {
      fleet.play();
      return fleet.kinds();
    });
    expect(later).toContain('device-rejoined');
    expect(fleet.policy?.exceptions).toEqual([]);
  });

  it.each([1, 2, 3, 4])('for one device of ten, the group has no drift (seed %d)', (seed) => {
    const fleet = new SimulatedFleet(10, seed);
    fleet.want([agreement]);
    for (const _ of rounds(80)) fleet.play(10);
    fleet.trafficOf = (device) => (device === 'cam-1' ? { ease: 0.05, overconfidence: 10 } : calm);
    const kinds = rounds(40).flatMap(() => {
      fleet.play(10);
      return fleet.kinds();
    });
    expect(kinds).toContain('device-deviates');
    expect(kinds).not.toContain('drift');
    expect(fleet.state.outliers.map(({ device }) => device)).toEqual(['cam-1']);
  });
});

describe('degraded answers', () => {
  it('are reported when they become many and when it is over, and agreement does not cover them', () => {
    const fleet = settled();
    fleet.degradedShare = () => 0.9;
    const during = rounds(10).flatMap(() => {
      fleet.play();
      return fleet.state.intent?.events.filter(({ kind }) => kind.startsWith('degraded')) ?? [];
    });
    expect(during).toMatchObject([{ kind: 'degraded', severity: 'warning' }]);
    expect(during[0]?.text).toMatch(
      /^Of the last \d+ samples, \d.* % were answered by a branch below its threshold/,
    );
    expect(fleet.state.explanation.join('\n')).toContain(
      'Statements about agreement do not cover degraded answers.',
    );
    fleet.degradedShare = () => 0;
    const after = rounds(10).flatMap(() => {
      fleet.play();
      return fleet.kinds().filter((kind) => kind.startsWith('degraded'));
    });
    expect(after).toEqual(['degraded-over']);
    expect(fleet.state.explanation.join('\n')).not.toContain('do not cover degraded');
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
