import { v1, type WorkerReportInit } from '@offramp/contracts';
import { beforeEach, describe, expect, it } from 'vitest';
import { WorkerRegister } from './worker-register.js';

const digest = '07'.repeat(32);
const bundleDigest = Buffer.from(digest, 'hex');
const message = (differing: WorkerReportInit = {}): WorkerReportInit => ({
  ...{ worker: 'gpu-1', bootId: 'a', sequence: 1, windowMs: 2_000, version: '0.1.0', threads: 2 },
  ...{ utilisation: 0.5, queued: 3, maxQueue: 512, answered: 100, refused: 4, streams: 7 },
  stages: [
    { bundleDigest, stage: 1, samples: 100, seconds: 0.2 },
    { bundleDigest, stage: 3, samples: 10, seconds: 0.1 },
  ],
  ...differing,
});
const report = (differing: WorkerReportInit = {}) => v1.WorkerReport.encode(message(differing)).finish();

let register: WorkerRegister;
beforeEach(() => {
  register = new WorkerRegister();
});

describe('WorkerRegister', () => {
  it('is empty at first', () => {
    expect(register.utilisation(0)).toBeNull();
    expect(register.workers(0)).toEqual([]);
    expect(register.stageSeconds(digest)).toEqual([]);
  });

  it('shows the last report of a worker, with rates per second', () => {
    register.apply(report(), 1_000);
    register.apply(report({ sequence: 2, utilisation: 1.25 }), 3_000, 'gpu-1');
    expect(register.workers(3_500)).toEqual([
      {
        ...{ worker: 'gpu-1', utilisation: 1.25, queued: 3, maxQueue: 512, threads: 2, streams: 7 },
        ...{ answeredPerSecond: 50, refusedPerSecond: 2, lastSeenMsAgo: 500 },
      },
    ]);
  });

  it('weights workers by their threads', () => {
    register.apply(report({ utilisation: 1 }), 0);
    register.apply(report({ worker: 'cpu-1', threads: 6, utilisation: 0.2 }), 0);
    expect(register.utilisation(0)).toBeCloseTo(0.4);
    expect(register.workers(0).map(({ worker }) => worker)).toEqual(['cpu-1', 'gpu-1']);
  });

  it('gives each measurement of utilisation once to a reader that says when it last read', () => {
    register.apply(report({ utilisation: 1.5 }), 1_000);
    expect(register.utilisationSince(Number.NEGATIVE_INFINITY, 1_100)).toBe(1.5);
    // The worker is gone, and what it last said still stands in the list of workers.
    for (const nowMs of [1_200, 5_000, 11_000]) {
      expect(register.utilisation(nowMs)).toBe(1.5);
      expect(register.utilisationSince(1_100, nowMs)).toBeNull();
    }
    register.apply(report({ bootId: 'b', utilisation: 0.5 }), 6_000);
    expect(register.utilisationSince(1_100, 6_100)).toBe(0.5);
  });

  it('waits for workers with half of all threads', () => {
    const from = (worker: string, sequence: number, utilisation: number) =>
      report({ worker, sequence, utilisation });
    for (const worker of ['a', 'b', 'c', 'd']) register.apply(from(worker, 1, 1), 0);
    register.apply(from('a', 2, 0.2), 1_000);
    expect(register.utilisationSince(500, 1_000)).toBeNull();
    register.apply(from('b', 2, 0.4), 1_000);
    expect(register.utilisationSince(500, 1_000)).toBeCloseTo(0.3);
  });

  it('gives the time of a sample at each stage, from all reports of the last ten seconds', () => {
    register.apply(report(), 0);
    const slower = [{ bundleDigest, stage: 1, samples: 300, seconds: 1.8 }];
    register.apply(report({ worker: 'cpu-1', stages: slower }), 0);
    const seconds = register.stageSeconds(digest);
    expect(seconds).toHaveLength(4);
    expect([seconds[0], seconds[2]]).toEqual([null, null]);
    expect(seconds[1]).toBeCloseTo(0.005);
    expect(seconds[3]).toBeCloseTo(0.01);
    expect(register.stageSeconds('00'.repeat(32))).toEqual([]);
  });

  it('forgets a worker after ten seconds without reports', () => {
    register.apply(report(), 0);
    expect(register.utilisation(10_000)).toBe(0.5);
    expect(register.utilisation(10_001)).toBeNull();
    expect(register.stageSeconds(digest)).toEqual([]);
    expect(register.apply(report(), 10_002)).toBe('counted');
  });

  it('counts no report twice, and none older than the newest', () => {
    register.apply(report({ sequence: 5 }), 0);
    for (const sequence of [5, 4]) expect(register.apply(report({ sequence }), 0)).toBe('stale');
    expect(register.apply(report({ bootId: 'b', sequence: 1 }), 0)).toBe('counted');
    expect(register.counts).toEqual({ counted: 2, stale: 2, full: 0, invalid: 0 });
  });

  it('keeps up to a thousand workers, and has room again when they are gone', () => {
    for (let i = 0; i < 1_001; i++) register.apply(report({ worker: `w${i}` }), 0);
    expect(register.counts).toMatchObject({ counted: 1_000, full: 1 });
    expect(register.apply(report({ worker: 'late' }), 10_001)).toBe('counted');
    expect(register.workers(10_001)).toHaveLength(1);
  });

  it.each<[string, Uint8Array]>([
    ['malformed bytes', Buffer.from('garbage')],
    ['nothing', new Uint8Array(0)],
    ['an invalid name', report({ worker: 'a.b' })],
    ['no boot', report({ bootId: '' })],
    ['a boot that is too long', report({ bootId: 'x'.repeat(65) })],
    ['no number', report({ sequence: 0 })],
    ['no time', report({ windowMs: 0 })],
    ['no threads', report({ threads: 0 })],
    ['a utilisation that is not a number', report({ utilisation: Number.NaN })],
    ['an infinite utilisation', report({ utilisation: Number.POSITIVE_INFINITY })],
    ['a negative utilisation', report({ utilisation: -1 })],
    ['an invalid digest', report({ stages: [{ bundleDigest: new Uint8Array(3), samples: 1 }] })],
    ['a stage out of range', report({ stages: [{ bundleDigest, stage: 256 }] })],
    ['more seconds than threads had', report({ stages: [{ bundleDigest, seconds: 7_205 }] })],
    ['too many samples at a stage', report({ stages: [{ bundleDigest, samples: 2_010_001 }] })],
    ['too many answers', report({ answered: 2_010_001 })],
    ['too many refusals', report({ refused: 2_010_001 })],
    ['too long a window', report({ windowMs: 3_600_001 })],
    ['too many places', report({ maxQueue: 1_000_001 })],
    ['infinite seconds', report({ stages: [{ bundleDigest, seconds: Number.POSITIVE_INFINITY }] })],
    ['too many stages', report({ stages: Array.from({ length: 129 }, () => ({ bundleDigest })) })],
    ['too many bytes', report({ version: 'x'.repeat(65_536) })],
  ])('drops %s, and counts it', (_, bytes) => {
    expect(register.apply(bytes, 0)).toBe('invalid');
    expect(register.counts.invalid).toBe(1);
    expect(register.utilisation(0)).toBeNull();
  });

  it('drops a report in the name of another worker', () => {
    expect(register.apply(report(), 0, 'gpu-2')).toBe('invalid');
  });
});
