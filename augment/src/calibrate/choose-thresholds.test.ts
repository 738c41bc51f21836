import { type CalibrationTable, evaluateThresholds } from '@offramp/shared';
import { describe, expect, it } from 'vitest';
import { allowedDisagreements } from './binomial.js';
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

  it('is no dearer than the best threshold shared by all branches', () => {
    const allowed = allowedDisagreements(table.samples, goal.agreement, goal.delta);
    for (let threshold = 0.5; threshold <= 1; threshold += 0.002) {
      const outcome = evaluateThresholds(table, [threshold, threshold], exitCosts);
      if ((1 - outcome.agreement) * table.samples <= allowed) {
        expect(chosen.outcome.cost).toBeLessThanOrEqual(outcome.cost + 0.005);
      }
    }
    expect(chosen.outcome.cost).toBeLessThan(0.8);
  });

  it('never exits where the samples are too few for the goal', () => {
    const few = calibratedTable(10, [2, 4]);
    const { thresholds } = chooseThresholds(few, exitCosts, { agreement: 0.99, delta: 0.05 });
    expect(evaluateThresholds(few, thresholds, exitCosts).exitShares).toEqual([0, 0, 1]);
  });
});
