import { binomialCdf } from '@offramp/bundle';
import { describe, expect, it } from 'vitest';
import { auditUpperBound, certifiedByAudits, certifiedByTable, tableUpperBound } from './certify.js';

const outcomes = (samples: number, ...disagreement: number[]) => ({
  effectiveSamples: Float64Array.from(disagreement, () => samples),
  disagreement: Float64Array.from(disagreement),
  exitShares: [],
});

describe('certifiedByTable', () => {
  it('goes as far as the table proves', () => {
    const of = (samples: number) =>
      certifiedByTable(outcomes(samples, 0, 0.01, 0.015, 0.019, 0.03), 0.02, 0.05);
    expect(of(100)).toBe(0);
    expect(of(1_000)).toBe(1);
    expect(of(5_000)).toBe(2);
    expect(of(100_000)).toBe(3);
  });

  it('behind a codec with losses, begins where half of the samples exit early', () => {
    const behind = (...disagreement: number[]) => ({
      ...outcomes(5_000, ...disagreement),
      exitShares: [Float64Array.from([0, 0.3, 0.6, 0.9]), Float64Array.from([1, 0.7, 0.4, 0.1])],
    });
    expect(certifiedByTable(behind(0.03, 0.02, 0.015, 0.014), 0.02, 0.05)).toBe(3);
    expect(certifiedByTable(behind(0.03, 0.02, 0.015, 0.03), 0.02, 0.05)).toBe(2);
    expect(certifiedByTable(behind(0.03, 0.02, 0.025, 0.014), 0.02, 0.05)).toBe(0);
  });

  it('stops at the first candidate that fails', () => {
    expect(certifiedByTable(outcomes(5_000, 0, 0.03, 0.01), 0.02, 0.05)).toBe(0);
  });

  it('keeps a proof under slightly changed weights', () => {
    // 64 of 4,000 are proven with certainty 0.96, 65 are not.
    const proven = (disagreed: number) => certifiedByTable(outcomes(4_000, 0, disagreed / 4_000), 0.02, 0.04);
    expect([64, 64.001, 64.99, 65].map(proven)).toEqual([1, 1, 0, 0]);
  });

  it('bounds what it proves', () => {
    const upper = tableUpperBound(outcomes(5_000, 0, 0.015), 1, 0.05);
    expect(binomialCdf(75, 5_000, upper)).toBeCloseTo(0.05, 6);
  });
});

describe('certifiedByAudits', () => {
  const tally = (recordRate: number, samples: number, ...disagreed: number[]) => ({
    recordRate,
    samples,
    records: samples * recordRate,
    disagreed,
  });

  it('needs evidence', () => {
    expect(certifiedByAudits([], 4, 0.02, 0.05)).toBe(0);
    expect(certifiedByAudits([tally(1, 100, 0, 0, 0, 0)], 4, 0.02, 0.05)).toBe(0);
  });

  it('combines audits at different rates', () => {
    const tallies = [tally(1, 400, 0, 0, 1, 9), tally(0.1, 3_000, 0, 0, 2, 9)];
    expect(certifiedByAudits(tallies, 4, 0.02, 0.05)).toBe(2);
    expect(auditUpperBound(tallies, 2, 0.05)).toBeLessThan(0.02);
    expect(auditUpperBound(tallies, 3, 0.05)).toBeGreaterThan(0.02);
  });
});
