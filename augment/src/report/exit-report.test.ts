import { describe, expect, it } from 'vitest';
import { reportExits } from './exit-report.js';
import { tableOf } from './findings/testing/situation.js';

const table = tableOf([
  { samples: 50, confidence: [0.9, 0.9], disagreements: [2, 1] },
  { samples: 30, confidence: [0.5, 0.8], disagreements: [10, 3] },
  { samples: 20, confidence: [0.1, 0.2], disagreements: [15, 10] },
]);
const branch = (cutPoint: string) => ({ cutPoint, body: { kind: 'conv1', grid: 2 }, macs: 100 });
const model = {
  backbone: { macs: 1000 },
  stages: [
    { segmentMacs: 200, branch: branch('early') },
    { segmentMacs: 300, branch: branch('late') },
    { segmentMacs: 500, branch: null },
  ],
};

describe('reportExits', () => {
  const [first, second, ...more] = reportExits(table, model, [0.9, 0.8]);

  it('counts samples that reach an exit, that exit there, and that are wrong there', () => {
    expect(more).toEqual([]);
    expect(first).toMatchObject({ reached: 1, left: 0.5, cost: 0.3, stageCost: 0.3, body: 'conv1, grid 2' });
    expect(first?.leavers).toMatchObject({ samples: 50, disagreements: 2 });
    expect(first?.leavers.confidence).toBeCloseTo(0.9, 12);
    expect(first?.alone).toEqual({ agreement: 0.73, accuracy: null });
    expect(second).toMatchObject({ reached: 0.5, left: 0.3, cost: 0.7, cutPoint: 'late' });
    expect(second?.leavers).toMatchObject({ samples: 30, disagreements: 3 });
  });

  it('uses the confidences of samples that reach it', () => {
    const counted = second?.histogram.filter(({ agree, disagree }) => agree + disagree > 0);
    expect(counted?.map(({ agree, disagree }) => [agree, disagree])).toEqual([
      [10, 10],
      [27, 3],
    ]);
    expect(second?.reliability.map(({ agreement }) => agreement)).toEqual([0.5, 0.9]);
    expect(second?.calibrationError).toBeCloseTo((20 * 0.3 + 30 * 0.1) / 50, 12);
  });

  it('compares with the cascade without this exit', () => {
    // With both: 0.5 × 0.3 + 0.3 × 0.7 + 0.2 × 1.2 = 0.6. Without the first: 0.8 × 0.6 + 0.2 × 1.1 = 0.7.
    expect(first?.saving).toBeCloseTo(0.1, 12);
    // Without the second: 0.5 × 0.3 + 0.5 × 1.1 = 0.7.
    expect(second?.saving).toBeCloseTo(0.1, 12);
    expect(first?.agreementLost).toBeCloseTo(0.01, 12);
    expect(second?.agreementLost).toBeCloseTo(0.03, 12);
    expect(first?.branchCost).toBeCloseTo(0.1, 12);
    expect(second?.branchCost).toBeCloseTo(0.05, 12);
  });

  it('gives zeros for an exit that no sample reaches', () => {
    const [, unreached] = reportExits(table, model, [0, 0.8]);
    expect(unreached).toMatchObject({
      ...{ reached: 0, left: 0, reliability: [], calibrationError: 0, discrimination: null },
      leavers: { samples: 0, disagreements: 0, confidence: 0 },
    });
  });
});
