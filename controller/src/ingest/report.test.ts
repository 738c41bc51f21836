import { EvidenceCounts, type EvidenceInit, LatencySketch, v1, type WindowInit } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import { describe, expect, it } from 'vitest';
import { sampleReport } from '../testing/sample-report.js';
import { readReport } from './report.js';

const subject = 'offramp.v1.telemetry.cameras.cam-1';
const encode = (report: ReturnType<typeof sampleReport>) => v1.TelemetryReport.encode(report).finish();
const read = (report: ReturnType<typeof sampleReport>) => readReport(subject, encode(report));

const withWindow = (window: WindowInit) => {
  const report = sampleReport();
  return { ...report, window: { ...report.window, ...window } };
};

describe('readReport', () => {
  it("reads a device's report", () => {
    expect(readReport(subject, encode(sampleReport({ exits: [4, 5] })))).toMatchObject({
      device: 'cam-1',
      group: 'cameras',
      sequence: 1,
      state: { branches: 1, bundleDigest: '07'.repeat(32), policyError: '' },
      window: { samples: 9, exits: [4, 5], degraded: 0, agreement: [{ compared: 2, agreed: 1 }] },
    });
  });

  it('reads the evidence of each policy, and assigns the window’s latencies', () => {
    const latency = LatencySketch.create();
    latency.add(10);
    const latencySketch = latency.encode();
    const latencies = (...evidence: EvidenceInit[]) =>
      read(withWindow({ evidence, latencySketch })).evidence.map(
        ({ counts }) => counts.view(0).latency.count,
      );
    const one = { policyVersion: 1, samples: 1, left: [1] };
    expect(latencies(one)).toEqual([1]);
    expect(latencies({ ...one, latencySketch }, { policyVersion: 2 })).toEqual([1, 0]);
    expect(latencies()).toEqual([]);
  });

  it('refuses a number that no device can have, whichever it is', () => {
    const counts = new EvidenceCounts(2, { maxRecords: 9 });
    const passed = [0, 1].map((exit) => ({ exit, label: 0, confidence: 0.1 }));
    for (const exit of [0, 1, 2]) {
      const sample = { exit, passed: passed.slice(0, exit), confidence: 0.9, degraded: false };
      counts.countSample({ ...sample, offloaded: exit === 2, latencyMs: 5, late: false });
    }
    counts.countAudit({ leftAt: 0, exits: passed.map(() => ({ bin: 3, agreed: true })) });
    const evidence = v1.Evidence.decode(v1.Evidence.encode(counts.toMessage(1)).finish());
    const given = sampleReport({ exits: [1, 1, 1], evidence: [{ ...evidence, auditsDropped: { busy: 1 } }] });
    const window = { ...given.window, offloadBytes: 9, encodings: [{ encoding: 1, samples: 1, bytes: 9 }] };
    const report = v1.TelemetryReport.decode(encode({ ...given, window }));
    expect(readReport(subject, encode(report)).window.samples).toBe(3);

    const believed: string[] = [];
    for (const path of numbersIn(report)) {
      const forged = structuredClone(report);
      set(forged, path, Number.MAX_SAFE_INTEGER);
      try {
        readReport(subject, encode(forged));
        believed.push(path.join('.'));
      } catch (error) {
        expect(error, path.join('.')).toMatchObject({ code: 'TELEMETRY_INVALID' });
      }
    }
    expect(believed).toEqual([
      // The register knows which number is next.
      'sequence',
      // A threshold above 1 never exits, whatever it is.
      ...['state.thresholds.0', 'state.thresholds.1'],
      // Not quantities.
      ...['state.lifecycle', 'state.cloudLink'],
    ]);
  });

  it.each<[string, WindowInit]>([
    ['exits that do not add up to samples', { samples: 11 }],
    ['more samples than there was time for', { samples: 2e6, exits: [2e6, 0, 0] }],
    ['fewer exits than the bundle has', { exits: [9, 1] }],
    ['more labelled than answered', { labelled: 11 }],
    ['more correct than labelled', { correct: 11 }],
    ['more degraded than answered', { degraded: 11 }],
    ['more agreement than was compared', { agreement: [{ compared: 1, agreed: 2 }] }],
    ['more compared than came to the final exit', { agreement: [{ compared: 2, agreed: 1 }] }],
    ['bytes of encodings that were not sent', { encodings: [{ encoding: 1, samples: 1, bytes: 1 }] }],
    ['work for no samples', { samples: 0, exits: [], labelled: 0, correct: 0, offloaded: 0, agreement: [] }],
    ['more audits agreed than ended', { audited: 1, auditsAgreed: 2 }],
    ['evidence of more samples than there were', { evidence: [{ samples: 11, left: [11] }] }],
    [
      'evidence of audits that the window does not have',
      { evidence: [{ audited: 1, audits: [{ agreed: { counts: [1] } }] }] },
    ],
    ['evidence of a policy twice', { evidence: [{ policyVersion: 1 }, { policyVersion: 1 }] }],
    ['latencies of more samples than there were', { latencySketch: sketchOf(11) }],
  ])('refuses %s', (_, window) => {
    expect(() => read(withWindow(window))).toThrow(expect.objectContaining({ code: 'TELEMETRY_INVALID' }));
  });

  it.each([
    ['malformed bytes', () => readReport(subject, Buffer.from('garbage'))],
    ['a truncated report', () => readReport(subject, encode(sampleReport()).subarray(0, -3))],
    ['nothing', () => readReport(subject, new Uint8Array(0))],
    ["another device's report", () => read(sampleReport({ device: 'cam-2' }))],
    ["another group's report", () => read(sampleReport({ group: 'doors' }))],
    ['an invalid name', () => read(sampleReport({ device: 'cam 1' }))],
    ['no boot', () => read(sampleReport({ bootId: '' }))],
    ['no sequence', () => read(sampleReport({ sequence: 0 }))],
    ['no state', () => read({ ...sampleReport(), state: null })],
    ['too many exits', () => read(sampleReport({ exits: new Array<number>(300).fill(1) }))],
    ['an invalid digest', () => read({ ...sampleReport(), state: { bundleDigest: Buffer.alloc(5) } })],
    [
      'a text that is too long',
      () =>
        read({
          ...sampleReport(),
          state: { ...sampleReport().state, policyError: 'x'.repeat(10_000) },
        }),
    ],
    ['an invalid sketch', () => read(withWindow({ latencySketch: Uint8Array.of(1, 2, 3) }))],
    ['evidence of more exits than there are', () => read(withWindow({ evidence: [{ left: [1, 1, 1, 1] }] }))],
    ['evidence of too many policies', () => read(withWindow({ evidence: new Array(65).fill({}) }))],
    [
      'evidence of too many branches',
      () => read({ ...withWindow({ evidence: [{}] }), state: { ...sampleReport().state, branches: 4e9 } }),
    ],
  ])('refuses %s', (_, attempt) => {
    expect(attempt).toThrow(OfframpError);
    expect(attempt).toThrow(expect.objectContaining({ code: 'TELEMETRY_INVALID' }));
    expect(attempt).toThrow(subject);
  });
});

/** Where the numbers of a message are. */
function numbersIn(message: object, path: string[] = []): string[][] {
  return Object.entries(message).flatMap(([name, value]) => {
    if (typeof value === 'number') return [[...path, name]];
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
    return numbersIn(value, [...path, name]);
  });
}

function set(message: object, path: readonly string[], value: number): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) Reflect.set(message, name, value);
  else set(Reflect.get(message, name), rest, value);
}

function sketchOf(samples: number): Uint8Array {
  const sketch = LatencySketch.create();
  for (let i = 0; i < samples; i++) sketch.add(5);
  return sketch.encode();
}
