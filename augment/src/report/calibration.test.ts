import { describe, expect, it } from 'vitest';
import { discrimination, expectedCalibrationError, histogram, reliability } from './calibration.js';
import type { Judgement } from './play-cascade.js';

const said = (confidence: number, ...agrees: boolean[]): Judgement[] =>
  agrees.map((one) => ({ confidence, agrees: one }));

describe('histogram', () => {
  it('counts both kinds, with 1 in the last bin', () => {
    const bins = histogram([...said(0, true), ...said(0.5, true, false), ...said(1, true)], 4);
    expect(bins.map(({ agree, disagree }) => [agree, disagree])).toEqual([
      [1, 0],
      [0, 0],
      [1, 1],
      [1, 0],
    ]);
    expect(bins[2]).toMatchObject({ from: 0.5, to: 0.75 });
  });
});

describe('reliability', () => {
  const bins = reliability([...said(0.6, true, false), ...said(0.7, true, true), ...said(0.95, true)], 10);

  it('compares stated with observed in bins with samples', () => {
    expect(bins.map(({ samples, agreement }) => [samples, agreement])).toEqual([
      [2, 0.5],
      [2, 1],
      [1, 1],
    ]);
    expect(bins[0]?.confidence).toBeCloseTo(0.6, 12);
    expect(bins[0]?.interval[0]).toBeLessThan(0.5);
    expect(bins[0]?.interval[1]).toBeGreaterThan(0.5);
  });

  it('sums up to the expected calibration error', () => {
    expect(expectedCalibrationError(bins)).toBeCloseTo((2 * 0.1 + 2 * 0.3 + 0.05) / 5, 12);
    expect(expectedCalibrationError([])).toBe(0);
  });
});

describe('discrimination', () => {
  it.each([
    [[...said(0.9, true, true), ...said(0.1, false)], 1],
    [[...said(0.1, true), ...said(0.9, false, false)], 0],
    [[...said(0.5, true, false)], 0.5],
    [[...said(0.4, true), ...said(0.5, false), ...said(0.6, true)], 0.5],
  ])('%#', (judgements, expected) => {
    expect(discrimination(judgements)).toBeCloseTo(expected, 12);
  });

  it('is `null` if all samples are of one kind', () => {
    expect(discrimination(said(0.5, true, true))).toBeNull();
  });
});
