import { describe, expect, it } from 'vitest';
import { tableOf } from './findings/testing/situation.js';
import { curveThresholds, policyJudge } from './policy-outcome.js';

const table = tableOf([
  { samples: 60, confidence: [0.9], disagreements: [3] },
  { samples: 40, confidence: [0.5], disagreements: [20] },
]);
const model = {
  backbone: { macs: 100 },
  stages: [
    { segmentMacs: 40, branch: { macs: 10 } },
    { segmentMacs: 60, branch: null },
  ],
  deviceStages: 1,
};
const times = [{ batchSize: 1, repetitions: 1, cpuMs: [3, 5], wallMs: [3, 5], costs: [0.6, 1] }];

describe('policyJudge', () => {
  it('weights the cost of every exit by its share of samples, in MACs and in time', () => {
    const outcome = policyJudge(table, model, times)([0.8]);
    expect(outcome).toMatchObject({ thresholds: [0.8], agreement: 0.97, onDevice: 0.6 });
    expect(outcome.cost).toBeCloseTo(0.6 * 0.5 + 0.4 * 1.1, 12);
    expect(outcome.cpuCosts).toHaveLength(1);
    expect(outcome.cpuCosts[0]).toBeCloseTo(0.6 * 0.6 + 0.4, 12);
  });
});

describe('curveThresholds', () => {
  it('goes from all to none, in order', () => {
    const thresholds = curveThresholds(table);
    expect(thresholds).toEqual([0, 0.5, 0.9, 2]);
  });

  it('has two ends even if nothing is between them', () => {
    expect(curveThresholds({ samples: 0, branches: [], correct: null })).toEqual([0, 2]);
  });
});
