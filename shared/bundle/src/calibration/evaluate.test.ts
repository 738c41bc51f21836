import { describe, expect, it } from 'vitest';
import { evaluateThresholds } from './evaluate.js';
import type { CalibrationTable } from './table.js';

/** Four samples, two branches. */
const table: CalibrationTable = {
  samples: 4,
  branches: [
    { confidence: [0.9, 0.6, 0.6, 0.1], agrees: '1011' },
    { confidence: [0.2, 0.8, 0.5, 0.7], agrees: '0110' },
  ],
  correct: ['1001', '0110', '1100'],
};
const costs = [0.25, 0.5, 1.1];

describe('evaluateThresholds', () => {
  it('simulates the cascade: sample 0 leaves first, 1 and 3 second, 2 last', () => {
    expect(evaluateThresholds(table, [0.9, 0.7], costs)).toEqual({
      // 0 agrees at exit 0, 1 at exit 1, 3 does not at exit 1, 2 agrees by definition.
      agreement: 3 / 4,
      // 0 and 1 are right where they leave; 2 and 3 are not.
      accuracy: 2 / 4,
      exitShares: [1 / 4, 2 / 4, 1 / 4],
      cost: 0.25 * 0.25 + 0.5 * 0.5 + 0.25 * 1.1,
    });
  });

  it('lets all samples leave at a threshold of 0', () => {
    expect(evaluateThresholds(table, [0, 2], costs)).toEqual({
      agreement: 3 / 4,
      accuracy: 2 / 4,
      exitShares: [1, 0, 0],
      cost: 0.25,
    });
  });

  it('lets no sample leave early at a threshold above 1', () => {
    expect(evaluateThresholds(table, [1.01, 2], costs)).toEqual({
      agreement: 1,
      accuracy: 2 / 4,
      exitShares: [0, 0, 1],
      cost: 1.1,
    });
  });

  it('takes the final exit at its word where the table says what it answers behind a codec', () => {
    expect(evaluateThresholds({ ...table, finalAgrees: '0101' }, [0.9, 0.7], costs).agreement).toBe(2 / 4);
    expect(evaluateThresholds({ ...table, finalAgrees: '0101' }, [2, 2], costs).agreement).toBe(2 / 4);
  });

  it('gives no accuracy without labels', () => {
    expect(evaluateThresholds({ ...table, correct: null }, [0.9, 0.7], costs)).toMatchObject({
      agreement: 3 / 4,
      accuracy: null,
    });
  });

  it('takes a backbone without branches', () => {
    expect(evaluateThresholds({ samples: 2, branches: [], correct: ['10'] }, [], [1])).toEqual({
      agreement: 1,
      accuracy: 1 / 2,
      exitShares: [1],
      cost: 1,
    });
  });
});
