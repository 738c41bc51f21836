import { type EvidenceMessage, LatencySketch, OfframpError, v1, type WindowMessage } from '@offramp/shared';
import { describe, expect, it } from 'vitest';
import { sampleReport } from '../testing/sample-report.js';
import { readReport } from './report.js';

const subject = 'offramp.v1.telemetry.cameras.cam-1';
const encode = (report: ReturnType<typeof sampleReport>) => v1.TelemetryReport.encode(report).finish();
const read = (report: ReturnType<typeof sampleReport>) => readReport(subject, encode(report));

const withWindow = (window: WindowMessage) => {
  const report = sampleReport();
  return { ...report, window: { ...report.window, ...window } };
};

describe('readReport', () => {
  it('reads what a device sends', () => {
    expect(readReport(subject, encode(sampleReport({ exits: [4, 5] })))).toMatchObject({
      device: 'cam-1',
      group: 'cameras',
      sequence: 1,
      state: { branches: 1, bundleDigest: '07'.repeat(32), policyError: '' },
      window: { samples: 9, exits: [4, 5], degraded: 0, agreement: [{ compared: 2, agreed: 1 }] },
    });
  });

  it('reads the evidence of each policy, and whose latencies those of the window are', () => {
    const latency = LatencySketch.create();
    latency.add(10);
    const latencySketch = latency.encode();
    const latencies = (...evidence: EvidenceMessage[]) =>
      read(withWindow({ evidence, latencySketch })).evidence.map(
        ({ counts }) => counts.view(0).latency.count,
      );
    expect(latencies({ policyVersion: 1, samples: 1 })).toEqual([1]);
    expect(latencies({ policyVersion: 1, samples: 1, latencySketch }, { policyVersion: 2 })).toEqual([1, 0]);
    expect(latencies()).toEqual([]);
  });

  it.each([
    ['bytes that are no report', () => readReport(subject, Buffer.from('garbage'))],
    ['a truncated report', () => readReport(subject, encode(sampleReport()).subarray(0, -3))],
    ['nothing', () => readReport(subject, new Uint8Array(0))],
    ["another device's report", () => read(sampleReport({ device: 'cam-2' }))],
    ["another group's report", () => read(sampleReport({ group: 'doors' }))],
    ['a name that is none', () => read(sampleReport({ device: 'cam 1' }))],
    ['no boot', () => read(sampleReport({ bootId: '' }))],
    ['no sequence', () => read(sampleReport({ sequence: 0 }))],
    ['no state', () => read({ ...sampleReport(), state: null })],
    ['too many exits', () => read(sampleReport({ exits: new Array<number>(300).fill(1) }))],
    ['a digest that is none', () => read({ ...sampleReport(), state: { bundleDigest: Buffer.alloc(5) } })],
    [
      'a text without end',
      () =>
        read({
          ...sampleReport(),
          state: { ...sampleReport().state, policyError: 'x'.repeat(10_000) },
        }),
    ],
    ['a sketch that is none', () => read(withWindow({ latencySketch: Uint8Array.of(1, 2, 3) }))],
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
