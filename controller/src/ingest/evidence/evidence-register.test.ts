import { describe, expect, it } from 'vitest';
import type { NewEvidence } from '../../decide/model/evidence.js';
import { checkedReport, type SampleReport } from '../../testing/sample-report.js';
import { EvidenceRegister, type EvidenceRegisterOptions } from './evidence-register.js';

const hourMs = 3_600_000;
/** The start of a span. */
const startMs = 500_000 * hourMs;

function registerWith(options: Partial<EvidenceRegisterOptions> = {}) {
  const register = new EvidenceRegister({
    windowMs: hourMs,
    deviceWindowMs: 600_000,
    maxDevices: 100,
    ...options,
  });
  let sequence = 0;
  const add = (sample: SampleReport, afterMs = 0) =>
    register.add(checkedReport(sample), { storedAtMs: startMs + afterMs, sequence: ++sequence });
  const samples = (group = 'cameras', device?: string) =>
    register
      .evidence(group, device)
      .bundles.flatMap(({ policies }) =>
        policies.map(({ policyVersion, samples: count }) => [policyVersion, count]),
      );
  return { register, add, samples };
}

const evidenceOf = (policyVersion: number, samples: number, more = {}) => [
  { policyVersion, samples, left: [samples, 0, 0], ...more },
];

describe('EvidenceRegister', () => {
  it('sums the reports of a group’s devices by policy, and keeps those of each device', () => {
    const { register, add, samples } = registerWith();
    add({ device: 'a', evidence: evidenceOf(1, 10) });
    add({ device: 'b', evidence: evidenceOf(2, 5) });
    add({ device: 'b', evidence: evidenceOf(1, 7) });
    add({ device: 'c', group: 'doors', evidence: evidenceOf(1, 100) });
    expect(samples()).toEqual([
      [1, 17],
      [2, 5],
    ]);
    expect(samples('cameras', 'b')).toEqual([
      [1, 7],
      [2, 5],
    ]);
    expect(samples('doors')).toEqual([[1, 100]]);
    expect(register.evidence('nobody')).toEqual({ bundles: [], windowMs: 0 });
  });

  it('gives the recent answers of some devices by policy', () => {
    const { register, add } = registerWith();
    const bundle = '07'.repeat(32);
    add({ device: 'a', evidence: evidenceOf(1, 30) });
    add({ device: 'a', evidence: evidenceOf(2, 10, { samples: 12, degraded: 2, late: [4, 0, 0] }) }, 700_000);
    add({ device: 'b', evidence: evidenceOf(2, 5, { late: [0, 0, 0] }) }, 800_000);
    add({ device: 'c', evidence: evidenceOf(2, 9) }, 800_000);
    expect(register.answers('cameras', ['a', 'b', 'nobody'], bundle)).toEqual([
      { policyVersion: 2, samples: 12, degraded: 2, late: [4, 0, 0] },
      { policyVersion: 2, samples: 5, degraded: 0, late: [0, 0, 0] },
    ]);
    expect(register.answers('cameras', ['c'], bundle)).toMatchObject([{ samples: 9, late: [] }]);
    expect(register.answers('cameras', ['c'], 'ab'.repeat(32))).toEqual([]);
  });

  it('keeps histograms, audits and records', () => {
    const { register, add } = registerWith();
    const more = {
      audited: 1,
      confidence: [{ firstBin: 3, counts: [1, 2] }, {}],
      audits: [{ agreed: { firstBin: 4, counts: [1] } }, {}],
      auditRecords: Uint8Array.of(0, 4 + 128, 5),
    };
    for (const device of ['a', 'b'])
      add({ device, evidence: evidenceOf(1, 3, more), latenciesMs: [1, 2, 3] });
    const [policy] = register.evidence('cameras').bundles[0]?.policies ?? [];
    expect(policy?.exits[0]?.histogram.slice(2, 6)).toEqual([0, 2, 4, 0]);
    expect(policy?.exits[0]?.audits.agreed[4]).toBe(2);
    const record = {
      leftAt: 0,
      exits: [
        { bin: 4, agreed: true },
        { bin: 5, agreed: false },
      ],
    };
    expect(policy?.records).toEqual([record, record]);
    expect(policy?.latency.count).toBe(6);
  });

  it('keeps bundles separate, the last reported one first', () => {
    const { register, add } = registerWith();
    add({ exits: [1, 0, 0], evidence: evidenceOf(1, 1) });
    add({ device: 'other', exits: [2, 0], evidence: [{ policyVersion: 1, samples: 2, left: [2, 0] }] }, 1);
    const { bundles } = register.evidence('cameras');
    expect(bundles.map(({ branches, policies }) => [branches, policies[0]?.samples])).toEqual([
      [1, 2],
      [2, 1],
    ]);
  });

  it('drops old reports by the times of the NATS server', () => {
    const { register, add, samples } = registerWith();
    add({ evidence: evidenceOf(1, 10) });
    add({ evidence: evidenceOf(1, 1) }, hourMs / 2);
    expect(samples()).toEqual([[1, 11]]);
    expect(samples('cameras', 'cam-1')).toEqual([[1, 1]]);
    expect(register.evidence('cameras').windowMs).toBe(hourMs / 2);
    add({ group: 'doors', evidence: evidenceOf(1, 1) }, hourMs);
    expect(samples()).toEqual([[1, 1]]);
    expect(samples('cameras', 'cam-1')).toEqual([]);
    add({ group: 'doors', evidence: [] }, 2 * hourMs);
    expect(samples('doors')).toEqual([]);
  });

  it('gives the same result from any start of the stream that is early enough', () => {
    const reports = Array.from({ length: 300 }, (_, i) => ({
      sample: { device: `cam-${i % 7}`, evidence: evidenceOf(i % 3, i + 1) },
      afterMs: i * 60_000 + (i % 5) * 1_000,
    }));
    const [whole, late] = [registerWith(), registerWith()];
    for (const { sample, afterMs } of reports) whole.add(sample, afterMs);
    for (const { sample, afterMs } of reports.slice(-75)) late.add(sample, afterMs);
    expect(late.samples()).toEqual(whole.samples());
    expect(late.register.evidence('cameras').windowMs).toBe(whole.register.evidence('cameras').windowMs);
  });

  it('is bounded: devices, groups, policies', () => {
    const { add, samples } = registerWith({ maxDevices: 3 });
    for (let i = 0; i < 5; i++) add({ device: `d${i}`, group: `g${i}`, evidence: evidenceOf(1, 1) });
    expect([0, 1, 2, 3, 4].map((i) => samples(`g${i}`).length)).toEqual([0, 0, 1, 1, 1]);
    expect([0, 1, 2, 3, 4].map((i) => samples(`g${i}`, `d${i}`).length)).toEqual([0, 0, 1, 1, 1]);
    for (let version = 0; version < 50; version++) add({ group: 'g4', evidence: evidenceOf(version, 1) });
    expect(samples('g4').length).toBeLessThan(10);
    expect(samples('g4').at(-1)).toEqual([49, 1]);
  });

  it('gives the evidence since a position in the stream, each report once', () => {
    const { register, add } = registerWith();
    const samplesOf = ({ parts }: NewEvidence) =>
      parts.map(({ policyVersion, counts }) => [policyVersion, counts.samples]);
    expect(register.since('cameras', 0)).toEqual({ parts: [], upTo: 0, storedUpToMs: 0 });
    add({ device: 'a', evidence: evidenceOf(1, 10) });
    add({ device: 'b', group: 'doors', evidence: evidenceOf(1, 1_000) });
    add({ device: 'c', evidence: evidenceOf(2, 5) });
    const first = register.since('cameras', 0);
    expect([samplesOf(first), first.upTo]).toEqual([
      [
        [1, 10],
        [2, 5],
      ],
      3,
    ]);
    expect(samplesOf(register.since('cameras', first.upTo))).toEqual([]);
    add({ device: 'a', evidence: evidenceOf(2, 7) });
    const second = register.since('cameras', first.upTo);
    expect([samplesOf(second), second.upTo]).toEqual([[[2, 7]], 4]);
    // Another controller that continues from the stored position gets the same.
    expect(samplesOf(register.since('cameras', first.upTo))).toEqual(samplesOf(second));
    register.forget('cameras', second.upTo);
    expect(register.since('cameras', 0)).toMatchObject({ parts: [], upTo: 4 });
  });
});
