import { describe, expect, it } from 'vitest';
import { LatencySketch } from '../telemetry/latency-sketch.js';
import { decoded } from '../testing/decoded.js';
import { v1 } from '../wire/messages.js';
import { AuditLog } from './audit-log.js';
import { binOf, confidenceBins } from './confidence-bins.js';
import { type EndedSample, EvidenceCounts } from './evidence-counts.js';
import type { AuditRecord } from './exit-evidence.js';

const branches = 2;
const options = { maxRecords: 4 };
const sample = (exit: number, differing: Partial<EndedSample> = {}): EndedSample => ({
  passed: [0.1, 0.2].slice(0, exit).map((confidence, i) => ({ exit: i, label: 0, confidence })),
  exit,
  confidence: 0.99,
  degraded: false,
  offloaded: exit > 0,
  latencyMs: 10,
  ...differing,
});
const record = (leftAt: number, ...agreed: boolean[]): AuditRecord => ({
  leftAt,
  exits: agreed.map((agrees, i) => ({ bin: 60 * (i + 1), agreed: agrees })),
});
const sketchOf = (...latenciesMs: number[]) => {
  const sketch = LatencySketch.create();
  for (const ms of latenciesMs) sketch.add(ms);
  return sketch.encode();
};
const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
const reread = (counts: EvidenceCounts) => {
  const bytes = v1.Evidence.encode(counts.toMessage(3)).finish();
  return EvidenceCounts.fromMessage(v1.Evidence.decode(bytes), branches, options);
};

describe('EvidenceCounts', () => {
  it('counts every sample at each branch that it reached, and where it left', () => {
    const counts = new EvidenceCounts(branches, options);
    for (const exit of [0, 0, 1, 2]) counts.countSample(sample(exit));
    const evidence = counts.view(3);
    expect(evidence).toMatchObject({ policyVersion: 3, samples: 4, left: [2, 1, 1], offloaded: 2 });
    expect(evidence.exits.map(({ histogram }) => total(histogram))).toEqual([4, 2]);
    expect(evidence.exits[0]?.histogram[binOf(0.99)]).toBe(2);
    expect(evidence.exits[1]?.histogram[binOf(0.2)]).toBe(1);
    expect(evidence.latency.count).toBe(4);
  });

  it('has a degraded sample leave nowhere, though it reached the branches', () => {
    const counts = new EvidenceCounts(branches, options);
    const passed = sample(1).passed;
    counts.countSample(sample(0, { degraded: true, passed, confidence: 0.1 }));
    const evidence = counts.view(0);
    expect(evidence).toMatchObject({ samples: 1, degraded: 1, left: [0, 0, 0] });
    expect(evidence.exits.map(({ histogram }) => total(histogram))).toEqual([1, 0]);
  });

  it('counts what workers refused among the degraded', () => {
    const counts = new EvidenceCounts(branches, options);
    const passed = sample(1).passed;
    for (const refusedByWorker of [true, false, true]) {
      counts.countSample(sample(0, { degraded: true, offloaded: true, passed, refusedByWorker }));
    }
    expect(reread(counts).view(3)).toMatchObject({ degraded: 3, offloaded: 3, refusedByWorker: 2 });
    const sum = new EvidenceCounts(branches, options);
    for (let i = 0; i < 2; i++) sum.merge(reread(counts));
    expect(sum.view(3)).toMatchObject({ degraded: 6, refusedByWorker: 4 });
  });

  it('counts late answers by exit, degraded ones never, and keeps "none late" apart from "not measured"', () => {
    const counts = new EvidenceCounts(branches, options);
    counts.countSample(sample(0));
    expect(counts.view(3).late).toBeNull();
    expect(reread(counts).view(3).late).toBeNull();
    counts.countSample(sample(1, { late: false }));
    expect(reread(counts).view(3).late).toEqual([0, 0, 0]);
    for (const exit of [0, 2, 2]) counts.countSample(sample(exit, { late: true }));
    counts.countSample(sample(0, { late: true, degraded: true }));
    expect(counts.view(3)).toMatchObject({ left: [2, 1, 2], late: [1, 0, 2] });

    const sum = new EvidenceCounts(branches, { maxRecords: 6 });
    sum.merge(new EvidenceCounts(branches, options));
    expect(sum.view(3).late).toBeNull();
    sum.merge(counts);
    sum.merge(reread(counts));
    expect(sum.view(3).late).toEqual([2, 0, 4]);
  });

  it('counts an audit at the branch where the sample had left', () => {
    const counts = new EvidenceCounts(branches, options);
    for (const audit of [record(0, true, true), record(0, false, true), record(2, false, false)]) {
      counts.countAudit(audit);
    }
    const evidence = counts.view(0);
    expect(evidence).toMatchObject({ audited: 2, auditedFinal: 1 });
    expect(evidence.exits[0]?.audits.agreed[60]).toBe(1);
    expect(evidence.exits[0]?.audits.disagreed[60]).toBe(1);
    expect(total(evidence.exits[1]?.audits.agreed ?? [])).toBe(0);
    expect(evidence.records).toEqual([
      record(0, true, true),
      record(0, false, true),
      record(2, false, false),
    ]);
  });

  it('comes over the wire as it was, and adds up', () => {
    const counts = new EvidenceCounts(branches, options);
    for (const exit of [0, 1, 2, 2]) counts.countSample(sample(exit));
    for (const leftAt of [0, 1, 2]) counts.countAudit(record(leftAt, true, false));
    counts.auditsChosen = 6;
    counts.auditBytes = 300;
    counts.auditsDropped.busy = 2;
    counts.auditsDropped.budget = 1;
    const whole = (evidence: EvidenceCounts) => {
      const { latency, ...rest } = evidence.view(3);
      return { ...rest, latencies: latency.count, p50: latency.quantile(0.5) };
    };
    expect(whole(reread(counts))).toEqual(whole(counts));

    const twice = new EvidenceCounts(branches, { maxRecords: 6 });
    twice.merge(counts);
    twice.merge(reread(counts));
    expect(twice.view(3)).toMatchObject({ samples: 8, left: [2, 2, 4], audited: 4, auditedFinal: 2 });
    expect(twice.view(3)).toMatchObject({ auditsChosen: 12, auditBytes: 600 });
    expect(twice.view(3).auditsDropped).toEqual({ busy: 4, budget: 2, failed: 0 });
    expect(twice.view(3).records).toHaveLength(6);
  });

  it('takes few bytes for few samples', () => {
    const counts = new EvidenceCounts(branches, options);
    counts.countSample(sample(2));
    expect(v1.Evidence.encode(counts.toMessage(3, false)).finish().length).toBeLessThan(60);
  });

  it.each([
    ['left', { left: [1, 2, 3, 4] }],
    ['late', { left: [1, 1, 1], late: [0, 0, 0, 0] }],
    ['late: expected at most 1 (left there); found 2', { samples: 3, left: [1, 1, 1], late: [0, 2] }],
    [
      'refused_by_worker: expected at most 1 (degraded); found 2',
      { samples: 1, degraded: 1, refusedByWorker: 2 },
    ],
    [
      'samples: expected 4 (those that left, and the degraded); found 5',
      { samples: 5, left: [3], degraded: 1 },
    ],
    ['offloaded: expected at most 1', { samples: 1, left: [1], offloaded: 2 }],
    ['confidence: expected at most 1', { samples: 1, left: [1], confidence: [{ counts: [1, 1] }] }],
    ['audited: expected 1', { audited: 2, audits: [{ agreed: { counts: [1] } }] }],
    ['audit_records: expected at most 0', { auditRecords: new Uint8Array(3) }],
    ['audit_records: expected at most 1', { auditedFinal: 1, auditRecordsDropped: 2 }],
    ['latency_sketch: expected at most 0', { latencySketch: sketchOf(1) }],
    ['confidence', { confidence: [{}, {}, {}] }],
    ['audits', { audits: [{}, {}, {}] }],
    ['bins', { samples: 2, left: [2], confidence: [{ firstBin: confidenceBins - 1, counts: [1, 1] }] }],
    ['records', { auditedFinal: 2, auditRecords: new Uint8Array(4) }],
    ['expected an exit, found 3', { auditedFinal: 1, auditRecords: new Uint8Array([3, 0, 0]) }],
    ['out of range', { latencySketch: new Uint8Array([10, 200]) }],
  ])('refuses evidence that does not fit the number of branches: %s', (what, message) => {
    expect(() => EvidenceCounts.fromMessage(decoded(v1.Evidence, message), branches, options)).toThrow(what);
  });
});

describe('AuditLog', () => {
  it('keeps the newest, in order, and says how many it does not', () => {
    const log = new AuditLog(branches, 3);
    for (let leftAt = 0; leftAt < 8; leftAt++) log.add(record(leftAt % 3, true, leftAt % 2 === 0));
    expect(log.size).toBe(3);
    expect(log.dropped).toBe(5);
    expect(log.records()).toEqual([record(2, true, false), record(0, true, true), record(1, true, false)]);
  });
});
