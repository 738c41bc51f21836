import { beforeEach, describe, expect, it } from 'vitest';
import type { GroupStatus } from '../decide/model/fleet-control.js';
import type { FleetEventKind } from '../decide/model/fleet-event.js';
import { FleetRegister } from '../ingest/register/fleet-register.js';
import { WorkerRegister } from '../ingest/register/worker-register.js';
import { windowCounts } from '../ingest/window-counts.js';
import { checkedReport } from '../testing/sample-report.js';
import { ControllerMetrics } from './controller-metrics.js';
import { groupMetrics } from './group-metrics.js';

let register: FleetRegister;
let metrics: ControllerMetrics;
beforeEach(() => {
  register = new FleetRegister({
    ...{ maxDevices: 10_000, offlineAfterWindows: 3, offlineAfterMinMs: 15_000, forgetAfterMs: 3_600_000 },
  });
  metrics = new ControllerMetrics({
    ...{ register, workers: new WorkerRegister(), connected: () => true, now: () => 20_000 },
    reports: () => ({ counted: 3, invalid: 1 }),
  });
});

/** The lines of one metric. */
const seriesOf = async (name: string) =>
  (await metrics.text()).split('\n').filter((line) => new RegExp(`^${name}[{ ]`).test(line));
const window = (differing = {}) =>
  windowCounts({ exits: [6, 3, 1], offloaded: 4, audited: 3, auditsAgreed: 2, ...differing });

describe('ControllerMetrics', () => {
  it('counts samples of devices from the time it is ready', async () => {
    metrics.countWindow('north', window());
    expect(await seriesOf('offramp_fleet_samples_total')).toEqual([]);
    metrics.ready();
    for (let i = 0; i < 2; i++) metrics.countWindow('north', window());
    metrics.countWindow('south', window({ exits: [1, 1] }));
    expect(await seriesOf('offramp_fleet_samples_total')).toEqual([
      'offramp_fleet_samples_total{group="north",exit="0"} 12',
      'offramp_fleet_samples_total{group="north",exit="1"} 6',
      'offramp_fleet_samples_total{group="north",exit="final"} 2',
      'offramp_fleet_samples_total{group="south",exit="0"} 1',
      'offramp_fleet_samples_total{group="south",exit="final"} 1',
    ]);
    expect(await seriesOf('offramp_fleet_audits_total')).toContain(
      'offramp_fleet_audits_total{group="north",outcome="disagreed"} 2',
    );
  });

  it('separates a thousand groups and sixteen branches, and counts the rest together', async () => {
    metrics.ready();
    for (let i = 0; i < 1_010; i++) metrics.countWindow(`g${i}`, window());
    metrics.countWindow('g0', window({ exits: new Array<number>(40).fill(1) }));
    const offloaded = await seriesOf('offramp_fleet_offloaded_samples_total');
    expect(offloaded).toHaveLength(1_001);
    expect(offloaded.at(-1)).toBe('offramp_fleet_offloaded_samples_total{group=""} 40');
    const exits = (await seriesOf('offramp_fleet_samples_total')).filter((line) => line.includes('"g0"'));
    expect(exits).toHaveLength(18);
    expect(exits.at(-1)).toContain('exit="16+"} 23');
  });

  it('shows devices by group', async () => {
    const device = (name: string, policyVersion: number, seenAtMs: number) =>
      register.apply(checkedReport({ device: name, policyVersion }), seenAtMs, 20_000);
    device('cam-1', 3, 19_000);
    device('cam-2', 4, 19_500);
    device('cam-3', 9, 1_000);
    expect(await seriesOf('offramp_fleet_devices')).toEqual([
      'offramp_fleet_devices{group="cameras",state="online"} 2',
      'offramp_fleet_devices{group="cameras",state="offline"} 1',
    ]);
    expect(await seriesOf('offramp_fleet_policy_version')).toEqual([
      'offramp_fleet_policy_version{group="cameras"} 4',
    ]);
  });

  it('shows decisions for groups that have one', async () => {
    expect(await seriesOf('offramp_fleet_agreement_bound_ratio')).toEqual([]);
    expect(await seriesOf('offramp_controller_leader')).toEqual(['offramp_controller_leader 0']);
    const status: GroupStatus = {
      ...{ group: 'north', mode: 'auto', bundleDigest: null, policyVersion: 4, thresholds: [0.9, 0.8] },
      ...{ auditRate: 0.01, decidedAt: null, policyGaps: [], explanation: [], problem: null },
      decision: {
        ...{
          reason: 'cheaper',
          certainty: 'steady',
          tableTrusted: true,
          drift: null,
          unmet: ['too expensive'],
        },
        facts: {
          ...{ agreement: 0.99, agreementBound: 0.985, provenBy: 'table', cost: 0.3, offloadShare: 0.1 },
          ...{ exitShares: [1], samples: 1, records: 1, tableSamples: 1 },
        },
      },
      canary: { policyVersion: 4, share: 0.25, reach: null, samples: 10, stableThresholds: [1, 1] },
      exceptions: [{ device: 'blind', distance: 0.4, thresholds: [2, 2] }],
    };
    const idle: GroupStatus = { ...status, group: 'south', decision: null, canary: null, exceptions: [] };
    metrics.follow({
      leads: () => true,
      groups: () => [groupMetrics(status, [{ kind: 'agreement', floor: 0.98 }]), groupMetrics(idle, [])],
    });
    const expected: [name: string, north: number, south: number | null][] = [
      ['agreement_ratio', 0.99, null],
      ['agreement_bound_ratio', 0.985, null],
      ['agreement_goal_ratio', 0.98, null],
      ['canary_ratio', 0.25, null],
      ['outlier_devices', 1, 0],
      ['unmet_goals', 1, 0],
    ];
    for (const [name, north, south] of expected) {
      const metric = `offramp_fleet_${name}`;
      expect(await seriesOf(metric)).toEqual([
        `${metric}{group="north"} ${north}`,
        ...(south === null ? [] : [`${metric}{group="south"} ${south}`]),
      ]);
    }
    expect(await seriesOf('offramp_controller_leader')).toEqual(['offramp_controller_leader 1']);
  });

  it('counts events by kind, starting at 0 for each kind', async () => {
    const kinds: FleetEventKind[] = ['drift', 'canary', 'drift'];
    for (const kind of kinds) metrics.countEvent(kind);
    const events = await seriesOf('offramp_controller_events_total');
    expect(events).toContain('offramp_controller_events_total{kind="drift"} 2');
    expect(events).toContain('offramp_controller_events_total{kind="rolled-back"} 0');
  });
});
