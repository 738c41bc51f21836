import { describe, expect, it } from 'vitest';
import { sameThresholds } from '../candidates/threshold-path.js';
import type { Goal } from '../model/goals.js';
import { calm, drawBinnedTable, path, SimulatedGroup, trueAgreement } from '../testing/simulated-group.js';
import type { WindowEvidence } from './evidence.js';

const agreement: Goal = { kind: 'agreement', floor: 0.98 };
const table = drawBinnedTable(1, 5_000);
const low = { thresholds: [0.5, 0.5], auditRate: 0.02 };
const high = { thresholds: [2, 2], auditRate: 0.02 };
const windows = (count: number) => Array.from({ length: count }, (_, i) => i);
const positionOf = ({ policy }: SimulatedGroup) => path.positionOf(policy.thresholds);

/** A group whose thresholds have been found. */
function settled(goals: readonly Goal[] = [agreement], seed = 1): SimulatedGroup {
  const group = new SimulatedGroup(table, goals, low, seed);
  for (const _ of windows(20)) group.play();
  return group;
}

/** A window's evidence if workers refuse nine in ten samples. */
function refused(evidence: WindowEvidence): WindowEvidence {
  const [early = 0, ...inCloud] = evidence.left;
  const left = [early, ...inCloud.map((count) => Math.round(count / 10))];
  const degraded = [early, ...inCloud].reduce((sum, count, exit) => sum + count - (left[exit] as number), 0);
  return { ...evidence, left, degraded };
}

describe('tune, for agreement', () => {
  it('raises unproven thresholds at once', () => {
    const group = new SimulatedGroup(table, [agreement], low);
    const { decision } = group.play();
    expect(decision).toMatchObject({ changed: true, reason: 'not-proven' });
    expect(trueAgreement(low.thresholds, calm)).toBeLessThan(0.97);
    expect(trueAgreement(group.policy.thresholds, calm)).toBeGreaterThan(0.98);
  });

  it('moves an operator’s thresholds to the nearest safer candidate, which it can judge', () => {
    const group = new SimulatedGroup(table, [agreement], { thresholds: [0, 2], auditRate: 0.02 });
    expect(group.play(calm, 100).decision).toMatchObject({ changed: true, reason: 'aligned' });
    expect(path.has(group.policy.thresholds)).toBe(true);
    expect(trueAgreement(group.policy.thresholds, calm)).toBeGreaterThan(0.98);
  });

  it('lowers them step by step, each step on new evidence', () => {
    const group = new SimulatedGroup(table, [agreement], high);
    const positions = [0, ...windows(12).map(() => group.play({ ...calm }, 100).decision.position)];
    const steps = positions.slice(1).map((position, i) => position - (positions[i] as number));
    const logOdds = positions
      .map((position) => path.thresholdsAt(position).filter((threshold) => threshold <= 1))
      .filter((thresholds) => thresholds.length === 2)
      .map((thresholds) => thresholds.map((threshold) => Math.log(threshold / (1 - threshold))));
    const falls = logOdds
      .slice(1)
      .flatMap((now, i) => now.map((each, at) => (logOdds[i]?.[at] as number) - each));
    expect(Math.max(...falls)).toBeLessThanOrEqual(3.5);
    expect(Math.max(...falls)).toBeGreaterThan(3);
    expect(steps.every((step, i) => step <= 0 || !(steps[i - 1] && (steps[i - 1] as number) > 0))).toBe(true);
    expect(steps[0]).toBe(0);
  });

  it('finds thresholds that meet the goal, from both sides, close to each other', () => {
    const fromBelow = settled();
    const fromAbove = new SimulatedGroup(table, [agreement], high);
    for (const _ of windows(20)) fromAbove.play();
    for (const group of [fromBelow, fromAbove]) {
      expect(trueAgreement(group.policy.thresholds, calm)).toBeGreaterThan(0.98);
      expect(trueAgreement(group.policy.thresholds, calm)).toBeLessThan(0.99);
      expect(group.decision?.facts.agreementBound).toBeGreaterThanOrEqual(0.98);
    }
    expect(Math.abs(positionOf(fromAbove) - positionOf(fromBelow))).toBeLessThan(4);
  });

  it('audits at most two samples in a hundred once it is steady', () => {
    const group = settled();
    const audited = windows(20).map(() => group.play().evidence.audited);
    expect(audited.reduce((sum, count) => sum + count, 0) / (20 * 250)).toBeLessThan(0.02);
    expect(group.decision?.certainty).toBe('steady');
  });

  it('takes a few dozen audits for the first thresholds, at any number of samples', () => {
    const group = new SimulatedGroup(table, [agreement], high);
    expect(group.play(calm, 30).decision.certainty).toBe('settling');
    // No sample exits early, so every sample is a record at no cost.
    expect(group.policy.auditRate).toBe(1);
    expect(group.play(calm, 50).decision.certainty).toBe('steady');
  });

  it('hardly ever changes the audit rate by itself once it is steady', () => {
    const rates = windows(5).flatMap((seed) => {
      const group = settled([agreement], seed);
      return windows(200).filter(() => {
        const { thresholds } = group.policy;
        const { decision } = group.play();
        return decision.changed && sameThresholds(thresholds, decision.thresholds);
      });
    });
    // In 250,000 samples.
    expect(rates.length).toBeLessThan(25);
  });

  it('takes a small saving in the end, not at once', () => {
    const waited = windows(12).map((back) => {
      const group = settled();
      const position = positionOf(group) - back;
      group.policy = { ...group.policy, thresholds: path.thresholdsAt(position) };
      group.state = { ...group.state, samplesSinceChange: 0 };
      return windows(10).findIndex(() => group.play().decision.reason === 'cheaper');
    });
    // Windows of 250 samples. A group at its target has nothing to gain, and one far from it does not wait.
    expect(waited[0]).toBe(-1);
    expect(waited).toContain(7);
    expect(waited.at(-1)).toBe(0);
  });

  it('changes nothing without samples', () => {
    const group = settled();
    const before = group.state;
    const { decision } = group.play(calm, 0);
    expect(decision.changed).toBe(false);
    expect(group.state).toMatchObject({ samples: before.samples, tallies: before.tallies });
  });

  it('continues from a serialised state', () => {
    const group = settled();
    const twin = settled();
    twin.state = JSON.parse(JSON.stringify(twin.state));
    for (const _ of windows(3)) expect(twin.play().decision).toEqual(group.play().decision);
  });
});

describe('tune, when the input distribution shifts', () => {
  it('stops early exits, reports it, and recovers by audits alone', () => {
    const group = settled();
    const harder = { ease: 0.4, overconfidence: 3 };
    const found = windows(8)
      .map(() => group.play(harder).decision)
      .findIndex(({ drift }) => drift);
    expect(found).toBeGreaterThanOrEqual(0);
    for (const _ of windows(30)) group.play(harder);
    expect(group.decision?.tableTrusted).toBe(false);
    expect(positionOf(group)).toBeGreaterThan(0);
    expect(trueAgreement(group.policy.thresholds, harder)).toBeGreaterThan(0.98);
  });

  it('detects it by audits if confidences are unchanged', () => {
    const group = settled();
    const lying = { ease: 1, overconfidence: 12 };
    const drifts = windows(24).map(() => group.play(lying).decision.drift?.kind);
    expect(drifts).toContain('agreement');
    expect(drifts).not.toContain('confidence');
    expect(trueAgreement(group.policy.thresholds, lying)).toBeGreaterThan(0.98);
  });

  it('detects none in unchanged traffic', () => {
    for (const seed of windows(5)) {
      const group = new SimulatedGroup(table, [agreement], high, seed);
      expect(windows(60).filter(() => group.play().decision.drift)).toEqual([]);
    }
  });
});

describe('tune, for other goals', () => {
  const offloaded = (group: SimulatedGroup) => {
    const played = windows(20).map(() => group.play().evidence.offloaded);
    return played.reduce((sum, count) => sum + count, 0) / (20 * 250);
  };

  it('keeps a ceiling of offloads with as much agreement as possible', () => {
    const group = new SimulatedGroup(table, [{ kind: 'offload', ceiling: 0.2 }], high);
    for (const _ of windows(15)) group.play();
    expect(offloaded(group)).toBeLessThan(0.22);
    expect(offloaded(group)).toBeGreaterThan(0.16);
  });

  it('gets closer to a ceiling with more samples', () => {
    const meanTarget = (samples: number) => {
      const targets = windows(20).map((seed) => {
        const group = new SimulatedGroup(table, [{ kind: 'offload', ceiling: 0.4 }], high, seed);
        return group.play(calm, samples).decision.target;
      });
      return targets.reduce((sum, target) => sum + target, 0) / targets.length;
    };
    // Cheaper candidates offload less.
    expect(meanTarget(50)).toBeGreaterThan(meanTarget(5_000) + 1);
  });

  it('raises thresholds again if a ceiling has room', () => {
    const group = new SimulatedGroup(table, [{ kind: 'offload', ceiling: 0.2 }], {
      thresholds: [0, 0],
      auditRate: 0,
    });
    for (const _ of windows(3)) group.play();
    expect(positionOf(group)).toBeLessThan(path.candidates - 1);
    expect(offloaded(group)).toBeGreaterThan(0.16);
  });

  it('sacrifices less important goals to more important ones', () => {
    const ceiling: Goal = { kind: 'offload', ceiling: 0.05 };
    const group = settled([agreement, ceiling]);
    expect(trueAgreement(group.policy.thresholds, calm)).toBeGreaterThan(0.98);
    expect(group.decision?.choice.unmet).toEqual([ceiling]);
    const other = settled([ceiling, agreement]);
    expect(offloaded(other)).toBeLessThan(0.055);
    expect(other.decision?.choice.unmet).toEqual([agreement]);
  });

  it('keeps a latency target and a budget of workers’ time', () => {
    const late = settled([{ kind: 'latency', targetMs: 80, quantile: 0.95 }]);
    const shares = late.decision?.facts.exitShares as number[];
    expect(0.05 * (shares[1] as number) + 0.5 * (shares[2] as number)).toBeLessThan(0.053);
    const busy = settled([{ kind: 'cloudSeconds', perSecond: 0.3 }]);
    const { exitShares } = busy.decision?.facts ?? { exitShares: [] };
    expect((exitShares[1] as number) + 2 * (exitShares[2] as number)).toBeLessThan(0.31);
  });

  it('counts samples that workers refuse against the limit of offloads', () => {
    const group = new SimulatedGroup(table, [agreement], high);
    group.alter = refused;
    const share = () => group.play().evidence.offloaded / 250;
    expect(share()).toBe(1);
    const shares = windows(15).map(() => {
      const now = share();
      group.workerUtilisation = 10 * now;
      return now;
    });
    expect(Math.max(...shares.slice(10))).toBeLessThan(0.15);
  });

  it('offloads less while workers are busy, with any goals, and only for that time', () => {
    const group = settled();
    const wanted = offloaded(group);
    const utilisations = windows(30).map(() => {
      const { evidence } = group.play();
      group.workerUtilisation = evidence.offloaded / 250 / (0.6 * wanted);
      return group.workerUtilisation;
    });
    const late = utilisations.slice(10);
    expect(late.reduce((sum, each) => sum + each, 0) / late.length).toBeLessThan(1);
    expect(group.decision?.choice.unmet).toEqual([agreement]);
    group.workerUtilisation = 0.2;
    for (const _ of windows(30)) group.play();
    expect(group.decision?.choice.unmet).toEqual([]);
    expect(offloaded(group)).toBeGreaterThan(0.9 * wanted);
  });

  it('changes nothing without a goal', () => {
    const group = new SimulatedGroup(table, [], low);
    expect(group.play().decision).toMatchObject({ reason: 'no-goal', thresholds: low.thresholds });
  });
});
