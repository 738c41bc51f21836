import { OfframpError, v1 } from '@offramp/shared';
import { describe, expect, it } from 'vitest';
import { sampleReport } from '../testing/sample-report.js';
import { readReport } from './report.js';

const subject = 'offramp.v1.telemetry.cameras.cam-1';
const encode = (report: ReturnType<typeof sampleReport>) => v1.TelemetryReport.encode(report).finish();
const read = (report: ReturnType<typeof sampleReport>) => readReport(subject, encode(report));

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
  ])('refuses %s', (_, attempt) => {
    expect(attempt).toThrow(OfframpError);
    expect(attempt).toThrow(expect.objectContaining({ code: 'TELEMETRY_INVALID' }));
    expect(attempt).toThrow(subject);
  });
});
