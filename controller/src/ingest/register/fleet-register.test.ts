import { LatencySketch, Lifecycle } from '@offramp/contracts';
import { describe, expect, it } from 'vitest';
import { checkedReport, type SampleReport } from '../../testing/sample-report.js';
import { type DeviceView, FleetRegister, type FleetRegisterOptions } from './fleet-register.js';

function registerWith(options: Partial<FleetRegisterOptions> = {}) {
  const register = new FleetRegister({
    maxDevices: 1_000,
    offlineAfterWindows: 3,
    offlineAfterMinMs: 500,
    forgetAfterMs: 3_600_000,
    ...options,
  });
  const apply = (sample: SampleReport, atMs = 0) => register.apply(checkedReport(sample), atMs, atMs);
  const views = (group = '', nowMs = 0) => [...register.list(group, nowMs)].map(({ view }) => view);
  const only = (nowMs = 0) => views('', nowMs)[0] as DeviceView;
  return { register, apply, views, only };
}

describe('FleetRegister', () => {
  it('sums the windows of a boot', () => {
    const { apply, only } = registerWith();
    apply({ sequence: 1, exits: [6, 3, 1] });
    apply({ sequence: 2, exits: [1, 1, 0], windowMs: 700 });
    expect(only()).toMatchObject({
      total: {
        ...{ samples: 12, exits: [7, 4, 1], offloaded: 1, labelled: 12, correct: 10, deviceMacs: 12_000 },
        agreement: [
          { compared: 1, agreed: 1 },
          { compared: 1, agreed: 1 },
        ],
      },
      latest: { samples: 2, exits: [1, 1, 0] },
      latestWindowMs: 700,
      reportsMissing: 0,
      countedFromSequence: 1,
    });
  });

  it('counts a repeated report once', () => {
    const { apply, only } = registerWith();
    expect(apply({ sequence: 1 })).toBe('counted');
    expect(apply({ sequence: 2 })).toBe('counted');
    expect(apply({ sequence: 1 })).toBe('repeated');
    expect(apply({ sequence: 2 })).toBe('repeated');
    expect(only().total.samples).toBe(20);
  });

  it('counts late reports without returning to their state, and gives the number of missing ones', () => {
    const { apply, only } = registerWith();
    apply({ sequence: 1 });
    apply({ sequence: 5, exits: [2, 0, 0], policyVersion: 7 });
    expect(only().reportsMissing).toBe(3);
    apply({ sequence: 3, exits: [0, 0, 9], policyVersion: 6 });
    expect(only()).toMatchObject({
      reportsMissing: 2,
      total: { samples: 21 },
      latest: { exits: [2, 0, 0] },
      state: { policyVersion: 7 },
    });
  });

  it('restarts with a new boot, and drops later reports of the earlier boot', () => {
    const { apply, only } = registerWith();
    apply({ bootId: 'a', sequence: 8 });
    expect(apply({ bootId: 'b', sequence: 1, exits: [3, 0, 0] })).toBe('counted');
    expect(apply({ bootId: 'a', sequence: 9 })).toBe('stale');
    expect(only()).toMatchObject({ total: { samples: 3 }, reportsMissing: 0, countedFromSequence: 1 });
  });

  it('counts continuing reports of earlier boots, until they have stopped', () => {
    const { apply, only } = registerWith({ offlineAfterWindows: 3, offlineAfterMinMs: 500 });
    apply({ bootId: 'a', sequence: 1, windowMs: 1_000 }, 0);
    apply({ bootId: 'b', sequence: 1, windowMs: 1_000 }, 500);
    expect(only(500).staleReports).toBe(0);
    for (const second of [1, 2, 3]) {
      apply({ bootId: 'a', sequence: 1 + second, windowMs: 1_000 }, 1_000 * second);
      expect(only(1_000 * second).staleReports).toBe(second);
    }
    apply({ bootId: 'c', sequence: 1, windowMs: 1_000 }, 3_500);
    expect(only(6_000).staleReports).toBe(3);
    expect(only(6_001).staleReports).toBe(0);
    apply({ bootId: 'c', sequence: 2, windowMs: 1_000 }, 6_500);
    apply({ bootId: 'b', sequence: 2, windowMs: 1_000 }, 7_000);
    expect(only(7_000).staleReports).toBe(1);
  });

  it('gives one device, and the presence of a group', () => {
    const { register, apply } = registerWith({ offlineAfterMinMs: 500 });
    for (const group of ['doors', 'a', 'a-b', 'cameras']) apply({ group, device: 'first' });
    apply({ group: 'a', device: 'second', windowMs: 100 }, 2_000);
    expect(register.device('a', 'second', 2_000)).toMatchObject({ device: 'second', total: { samples: 10 } });
    expect(register.device('a', 'third', 2_000)).toBeNull();
    const present = [...register.presence('a', 4_000)];
    expect(present.map(({ device, online }) => [device, online])).toEqual([
      ['first', false],
      ['second', false],
    ]);
    expect([...register.presence('a', 2_000)].map(({ online }) => online)).toEqual([true, true]);
    expect(present[0]).toMatchObject({ state: { branches: 2 }, latest: { exits: [6, 3, 1] } });
  });

  it('merges latencies, per device and over the fleet', () => {
    const { register, apply, views } = registerWith();
    const exact = LatencySketch.create();
    for (const [i, device] of ['fast', 'slow'].entries()) {
      for (let sequence = 1; sequence <= 4; sequence++) {
        const latenciesMs = Array.from({ length: 50 }, (_, k) => (i === 0 ? 1 : 100) * (k + sequence));
        for (const ms of latenciesMs) exact.add(ms);
        apply({ device, sequence, latenciesMs });
      }
    }
    const [fast, slow] = views();
    expect(fast?.latencyP50Ms).toBeCloseTo(27, 0);
    expect((slow?.latencyP50Ms ?? 0) / 2_700).toBeCloseTo(1, 1);
    expect(register.summary('', 0)).toEqual({
      devices: 2,
      online: 2,
      latencyP50Ms: exact.quantile(0.5),
      latencyP99Ms: exact.quantile(0.99),
    });
    apply({ device: 'idle', latenciesMs: [] });
    expect(views()[1]).toMatchObject({ device: 'idle', latencyP50Ms: 0, latencyP99Ms: 0 });
  });

  it('counts a device as offline after three silent windows, or after it stopped', () => {
    const { apply, only } = registerWith();
    apply({ sequence: 1, windowMs: 1_000 }, 10_000);
    expect(only(13_000)).toMatchObject({ online: true, lastSeenMsAgo: 3_000 });
    expect(only(13_001)).toMatchObject({ online: false, lastSeenMsAgo: 3_001 });
    // A short extra report does not make the next regular one late; a series of them does.
    apply({ sequence: 2, windowMs: 10 }, 14_000);
    expect(only(15_500).online).toBe(true);
    for (let sequence = 3; sequence < 12; sequence++) apply({ sequence, windowMs: 10 }, 14_000);
    expect(only(14_500).online).toBe(true);
    expect(only(14_501).online).toBe(false);
    apply({ sequence: 12, lifecycle: Lifecycle.LIFECYCLE_STOPPED }, 15_000);
    expect(only(15_000).online).toBe(false);
  });

  it('lets no forged report keep a dead device online', () => {
    const { apply, only } = registerWith();
    for (const sequence of [1, 2, 3]) apply({ sequence, windowMs: 1_000 }, 1_000 * sequence);
    expect(only(7_000).online).toBe(false);
    apply({ sequence: 4, windowMs: 365 * 86_400_000 }, 60_000);
    expect(only(63_001).online).toBe(false);
  });

  it('lets no forged restart keep a dead device online, and accepts a longer interval when two reports say so', () => {
    const { apply, only } = registerWith();
    for (const sequence of [1, 2, 3]) apply({ sequence, windowMs: 1_000 }, 1_000 * sequence);
    apply({ bootId: 'other', sequence: 1, windowMs: 60_000 }, 60_000);
    expect(only(63_001).online).toBe(false);
    apply({ bootId: 'other', sequence: 2, windowMs: 60_000 }, 120_000);
    expect(only(300_000).online).toBe(true);
    expect(only(300_001).online).toBe(false);
  });

  it('continues an earlier boot of a device when the later one is silent', () => {
    const { apply, only } = registerWith();
    const report = (sequence: number, atMs: number) => apply({ sequence, exits: [1, 0, 0] }, atMs);
    for (const sequence of [1, 2, 3]) report(sequence, 1_000 * sequence);
    expect(apply({ bootId: 'forged', sequence: 1 }, 3_500)).toBe('counted');
    expect([4, 5, 6].map((sequence) => report(sequence, 1_000 * sequence))).toEqual(Array(3).fill('stale'));
    expect(report(7, 7_000)).toBe('counted');
    expect([3, 7].map((sequence) => report(sequence, 7_100))).toEqual(['repeated', 'repeated']);
    expect(report(8, 8_000)).toBe('counted');
    expect(only(8_000)).toMatchObject({ online: true, countedFromSequence: 7, total: { samples: 2 } });
    expect(apply({ bootId: 'forged', sequence: 2 }, 8_500)).toBe('stale');
  });

  it('refuses a report whose number the device cannot have reached', () => {
    const { apply, only } = registerWith();
    for (const sequence of [1, 2]) apply({ sequence }, 1_000 * sequence);
    expect(() => apply({ sequence: Number.MAX_SAFE_INTEGER, lifecycle: 3 }, 3_000)).toThrow(
      expect.objectContaining({ code: 'TELEMETRY_INVALID', message: expect.stringContaining('report 3') }),
    );
    expect(apply({ sequence: 3, exits: [2, 0, 0] }, 3_000)).toBe('counted');
    expect(only(3_000)).toMatchObject({ online: true, reportsMissing: 0, latest: { samples: 2 } });
    // Reports of an hour may be lost.
    expect(apply({ sequence: 360_000 }, 3_603_000)).toBe('counted');
  });

  it('does not count a device as online for too long after a report of a long cut', () => {
    const { apply, only } = registerWith();
    apply({ windowMs: 86_400_000 }, 0);
    expect(only(3 * 600_000 + 1).online).toBe(false);
  });

  it('lists by group and name, from any position', () => {
    const { register, apply, views } = registerWith();
    for (const [group, device] of [
      ['b', 'x'],
      ['a-b', 'x'],
      ['a', 'z'],
      ['a', 'a2'],
      ['a', 'a-1'],
    ] as const) {
      apply({ group, device });
    }
    const names = (group: string, after?: string) =>
      [...register.list(group, 0, after)].map(({ key }) => key);
    expect(names('')).toEqual(['a a-1', 'a a2', 'a z', 'a-b x', 'b x']);
    expect(names('a')).toEqual(['a a-1', 'a a2', 'a z']);
    expect(names('a', 'a a-1')).toEqual(['a a2', 'a z']);
    expect(names('', 'a something-gone')).toEqual(['a z', 'a-b x', 'b x']);
    expect(names('nobody')).toEqual([]);
    expect(views('a-b')).toHaveLength(1);
  });

  it('is bounded: a new device replaces the one silent longest, if that is offline', () => {
    const { register, apply, views } = registerWith({ maxDevices: 2 });
    apply({ device: 'a' }, 0);
    apply({ device: 'b' }, 2_000);
    expect(apply({ device: 'c' }, 2_500)).toBe('full');
    expect(apply({ device: 'c' }, 4_000)).toBe('counted');
    expect(views('', 4_000).map(({ device }) => device)).toEqual(['b', 'c']);
    expect(register.size).toBe(2);
    expect(apply({ device: 'b', sequence: 2 }, 4_000)).toBe('counted');
  });

  it('forgets a device without reports in NATS', () => {
    const { register, apply, views } = registerWith({ forgetAfterMs: 10_000 });
    apply({ device: 'a' }, 0);
    apply({ device: 'b' }, 5_000);
    expect(views('', 10_000)).toHaveLength(2);
    expect(views('', 10_001).map(({ device }) => device)).toEqual(['b']);
    expect(register.size).toBe(1);
  });

  it('keeps sums within the limits of the contract', () => {
    const { register, only } = registerWith();
    for (const sequence of [1, 2]) {
      const report = checkedReport({ sequence });
      report.window.deviceMacs = Number.MAX_SAFE_INTEGER;
      register.apply(report, 0, 0);
    }
    expect(only().total.deviceMacs).toBe(Number.MAX_SAFE_INTEGER);
  });
});
