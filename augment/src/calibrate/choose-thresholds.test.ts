import { type CalibrationTable, evaluateThresholds } from '@offramp/bundle';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, it } from 'vitest';
import { allowedDisagreements } from './allowed-disagreements.js';
import { chooseThresholds } from './choose-thresholds.js';

/** Branches whose confidence is the share of agreement among the samples that have it. */
function calibratedTable(samples: number, skill: number[]): CalibrationTable {
  return {
    samples,
    correct: null,
    branches: skill.map((power, branch) => {
      const confidence = Array.from({ length: samples }, (_, i) => {
        const position = ((i * (branch + 7) * 31) % samples) / samples;
        return Number((1 - position ** power / 2).toFixed(6));
      });
      const agrees = confidence.map((c, i) => (((i * 7919 + branch * 104729) % 1000) / 1000 < c ? '1' : '0'));
      return { confidence, agrees: agrees.join('') };
    }),
  };
}

const exitCosts = [0.25, 0.5, 1.01];

describe('chooseThresholds', () => {
  const table = calibratedTable(4000, [2, 4]);
  const goal = { agreement: 0.97, delta: 0.05 };
  const chosen = chooseThresholds(table, exitCosts, goal);

  it('keeps the agreement within its bound', () => {
    const outcome = evaluateThresholds(table, chosen.thresholds, exitCosts);
    const disagreements = Math.round((1 - outcome.agreement) * table.samples);
    expect(disagreements).toBeLessThanOrEqual(
      allowedDisagreements(table.samples, goal.agreement, goal.delta),
    );
  });

  it('gives the lowest shared threshold before the first that disagrees too often', () => {
    const allowed = allowedDisagreements(table.samples, goal.agreement, goal.delta);
    const [chosenThreshold = 0, ...others] = chosen.thresholds;
    expect(others).toEqual([chosenThreshold]);
    const disagreementsAt = (threshold: number) =>
      Math.round(
        (1 - evaluateThresholds(table, [threshold, threshold], exitCosts).agreement) * table.samples,
      );
    const confidences = [...new Set(table.branches.flatMap(({ confidence }) => confidence))];
    const passed = confidences.filter((confidence) => confidence >= chosenThreshold);
    expect(Math.max(...passed.map(disagreementsAt))).toBeLessThanOrEqual(allowed);
    const next = Math.max(...confidences.filter((confidence) => confidence < chosenThreshold));
    expect(disagreementsAt(next)).toBeGreaterThan(allowed);
  });

  it('behind a codec with losses, begins where half of the samples leave early', () => {
    const losing = (lost: number) => ({
      ...table,
      finalAgrees: Array.from({ length: 4000 }, (_, i) => (i % 100 < lost ? '0' : '1')).join(''),
    });
    const behind = chooseThresholds(losing(2), exitCosts, goal);
    const allowed = allowedDisagreements(table.samples, goal.agreement, goal.delta);
    expect(Math.round((1 - behind.outcome.agreement) * table.samples)).toBeLessThanOrEqual(allowed);
    expect(behind.outcome.agreement).toBeLessThan(1 - 0.02 * (behind.outcome.exitShares[2] ?? 0));
    expect(behind.outcome.exitShares[2]).toBeLessThanOrEqual(0.5);
    const worse = chooseThresholds(losing(30), exitCosts, goal);
    expect(worse.thresholds).toEqual([2, 2]);
  });

  it('searches jointly on request, at no higher cost and within the same bound', () => {
    const joint = chooseThresholds(table, exitCosts, goal, { search: 'joint' });
    const allowed = allowedDisagreements(table.samples, goal.agreement, goal.delta);
    expect(joint.outcome.cost).toBeLessThanOrEqual(chosen.outcome.cost);
    expect(Math.round((1 - joint.outcome.agreement) * table.samples)).toBeLessThanOrEqual(allowed);
  });

  it('misses the agreement on equally many new samples no more often than stated', () => {
    const generator = xoroshiro128plus(11);
    const draw = (samples: number): CalibrationTable => {
      const rows = Array.from({ length: samples }, () =>
        [1, 3].map((power) => {
          const confidence = 1 - uniformFloat64(generator) ** power / 2;
          return { confidence, agrees: uniformFloat64(generator) < confidence ? '1' : '0' };
        }),
      );
      return {
        samples,
        correct: null,
        branches: [0, 1].map((branch) => ({
          confidence: rows.map((row) => row[branch]?.confidence ?? 0),
          agrees: rows.map((row) => row[branch]?.agrees).join(''),
        })),
      };
    };
    const rounds = 400;
    const wanted = { agreement: 0.9, delta: 0.1 };
    let misses = 0;
    for (let round = 0; round < rounds; round++) {
      const { thresholds } = chooseThresholds(draw(300), exitCosts, wanted);
      if (evaluateThresholds(draw(300), thresholds, exitCosts).agreement < wanted.agreement) misses++;
    }
    // At most three standard deviations of the count above the stated rate, and not without early exits.
    expect(misses / rounds).toBeLessThanOrEqual(0.1 + 3 * Math.sqrt((0.1 * 0.9) / rounds));
    expect(misses).toBeGreaterThan(0);
  });

  it('never exits early if the samples are too few for the goal', () => {
    const few = calibratedTable(10, [2, 4]);
    const { thresholds } = chooseThresholds(few, exitCosts, { agreement: 0.99, delta: 0.05 });
    expect(evaluateThresholds(few, thresholds, exitCosts).exitShares).toEqual([0, 0, 1]);
  });
});
