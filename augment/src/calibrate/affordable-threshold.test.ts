import { type CalibrationTable, evaluateThresholds } from '@offramp/bundle';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, it } from 'vitest';
import { highestAffordableThreshold } from './affordable-threshold.js';
import { chooseThresholds } from './choose-thresholds.js';

const exitCosts = [0.2, 0.5, 1.05];

/** Two branches with uniform confidences; agreement does not matter here. */
function drawnTable(samples: number, seed: number): CalibrationTable {
  const generator = xoroshiro128plus(seed);
  const branch = () => ({
    confidence: Array.from({ length: samples }, () => uniformFloat64(generator)),
    agrees: '1'.repeat(samples),
  });
  return { samples, correct: null, branches: [branch(), branch()] };
}

const costAt = (table: CalibrationTable, threshold: number) =>
  evaluateThresholds(table, [threshold, threshold], exitCosts).cost;

describe('highestAffordableThreshold', () => {
  it('stays within the cost on new samples, and uses most of it', () => {
    const population = drawnTable(200_000, 1);
    const missed = Array.from({ length: 200 }, (_, seed) => {
      const threshold = highestAffordableThreshold(drawnTable(2_000, seed + 2), exitCosts, 0.5, 0.05);
      const cost = costAt(population, threshold as number);
      expect(cost).toBeGreaterThan(0.45);
      return cost > 0.5;
    }).filter(Boolean);
    expect(missed.length).toBeLessThanOrEqual(10);
  });

  it('is the highest one if the cost allows all, and none if it allows no sample', () => {
    const table = drawnTable(1_000, 1);
    const highest = Math.max(...table.branches.flatMap(({ confidence }) => confidence));
    expect(highestAffordableThreshold(table, exitCosts, 2, 0.05)).toBe(highest);
    expect(highestAffordableThreshold(table, exitCosts, 0.19, 0.05)).toBeNull();
  });
});

describe('chooseThresholds for a cost', () => {
  it('gives the agreement that the table proves', () => {
    const table = drawnTable(1_000, 3);
    table.branches[0] = {
      ...(table.branches[0] as CalibrationTable['branches'][number]),
      agrees: '10'.repeat(500),
    };
    const { outcome, agreement } = chooseThresholds(table, exitCosts, { cost: 0.5, delta: 0.05 });
    expect(outcome.cost).toBeLessThan(0.5);
    expect(outcome.agreement).toBeGreaterThan(agreement);
    expect(agreement).toBeGreaterThan(outcome.agreement - 0.06);
  });

  it('lets every sample exit at the first branch if even that costs too much', () => {
    const { thresholds } = chooseThresholds(drawnTable(100, 1), exitCosts, { cost: 0.1, delta: 0.05 });
    expect(thresholds).toEqual([0, 0]);
  });
});
