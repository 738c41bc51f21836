import { describe, expect, it } from 'vitest';
import { answeredSamples, recordRate } from './evidence.js';

const evidence = {
  thresholds: [0.9],
  auditRate: 0.1,
  left: [80, 20],
  exits: [{ histogram: [50, 50] }],
  degraded: 0,
  offloaded: 20,
  audited: 8,
  auditedFinal: 2,
  auditsDropped: { busy: 0, budget: 0, failed: 0 },
  records: Array.from({ length: 10 }, () => ({ exits: [{ bin: 1, agreed: true }], leftAt: 0 })),
  recordsDropped: 0,
};

describe('evidence', () => {
  it('counts samples with a confident exit', () => {
    expect(answeredSamples(evidence)).toBe(100);
  });

  it('gives the record rate after chosen, run and kept audits', () => {
    expect(recordRate(evidence)).toBe(0.1);
    expect(recordRate({ ...evidence, auditsDropped: { busy: 4, budget: 3, failed: 1 } })).toBeCloseTo(0.05);
    expect(recordRate({ ...evidence, recordsDropped: 30 })).toBeCloseTo(0.025);
    expect(recordRate({ ...evidence, audited: 0, records: [] })).toBe(0.1);
  });
});
