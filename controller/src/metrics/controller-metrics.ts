import { offrampVersion } from '@offramp/runtime';
import {
  addProcessMetrics,
  type MetricReading,
  MetricsRegistry,
  type MetricsText,
} from '@offramp/runtime/metrics';
import type { FleetEventKind } from '../decide/model/fleet-event.js';
import type { FleetRegister, GroupDevices } from '../ingest/register/fleet-register.js';
import type { WorkerRegister } from '../ingest/register/worker-register.js';
import type { WindowCounts } from '../ingest/window-counts.js';
import { type GroupCount, GroupCounters } from './group-counters.js';
import type { ControlMetrics, GroupMetrics } from './group-metrics.js';

export interface ControllerMetricsParts {
  register: Pick<FleetRegister, 'groups'>;
  workers: WorkerRegister;
  /** Devices' reports since the start, by outcome. */
  reports(): Readonly<Record<string, number>>;
  connected(): boolean;
  /** Milliseconds of the registers' clock. */
  now(): number;
}

/** Maximum number of groups with their own series, the first by name. */
const maxGroups = 1_000;

/**
 * A controller's metrics; `docs/metrics.md` lists them. Every controller reports those of the fleet. Counters start when it is
 * ready, so that a start does not look like an hour of work in a second.
 */
export class ControllerMetrics implements MetricsText {
  private readonly metrics = new MetricsRegistry();
  private readonly counters = new GroupCounters();
  private readonly events = noEvents();
  private control: ControlMetrics | null = null;
  private counting = false;
  /** Computed once per scrape, because several metrics use it and it visits every device. */
  private groupsOfScrape: [string, GroupDevices][] | null = null;

  constructor(private readonly parts: ControllerMetricsParts) {
    this.addDevices();
    this.addCounters();
    this.addControl();
    this.addWorkers();
    this.addController();
    addProcessMetrics(this.metrics);
  }

  get contentType(): string {
    return this.metrics.contentType;
  }

  text(): Promise<string> {
    this.groupsOfScrape = null;
    return this.metrics.text();
  }

  /** Starts counting: the controller has read all earlier reports. */
  ready(): void {
    this.counting = true;
  }

  /** Counts a new report. */
  countWindow(group: string, window: WindowCounts): void {
    if (this.counting) this.counters.add(group, window);
  }

  countEvent(kind: FleetEventKind): void {
    this.events[kind]++;
  }

  /** From now on, shows the control of groups. */
  follow(control: ControlMetrics): void {
    this.control = control;
  }

  private addDevices(): void {
    const { register, now } = this.parts;
    const groups = () => {
      this.groupsOfScrape ??= [...register.groups(now())].slice(0, maxGroups);
      return this.groupsOfScrape;
    };
    this.metrics.gauge(
      {
        name: 'offramp_fleet_devices',
        help: 'Devices, online or not, by group.',
        labels: ['group', 'state'],
      },
      () =>
        groups().flatMap(([group, { online, offline }]) => [
          [{ group, state: 'online' }, online] as const,
          [{ group, state: 'offline' }, offline] as const,
        ]),
    );
    const gauges: [name: string, help: string, read: (devices: GroupDevices) => number][] = [
      [
        'devices_without_worker',
        'Devices online whose worker does not answer.',
        ({ cloudDown }) => cloudDown,
      ],
      [
        'devices_rejecting_policy',
        'Devices online that could not apply the newest policy.',
        ({ rejecting }) => rejecting,
      ],
      [
        'policy_version',
        "Highest number of a policy that a device online follows; 0: the bundles' own thresholds.",
        ({ policyVersion }) => policyVersion,
      ],
    ];
    for (const [name, help, read] of gauges) {
      this.metrics.gauge({ name: `offramp_fleet_${name}`, help, labels: ['group'] }, () =>
        groups().map(([group, devices]) => [{ group }, read(devices)] as const),
      );
    }
  }

  private addCounters(): void {
    const { counters, metrics } = this;
    metrics.counter(
      {
        name: 'offramp_fleet_samples_total',
        help: 'Samples answered by devices and workers, by exit; final is the last.',
        labels: ['group', 'exit'],
      },
      () => counters.exits(),
    );
    const counts: [name: string, help: string, of: GroupCount][] = [
      ['offloaded_samples', 'Samples that devices sent to workers.', 'offloaded'],
      ['degraded_samples', 'Samples that a local exit answered below its threshold.', 'degraded'],
      ['refused_samples', 'Samples that devices refused because they were full.', 'refused'],
      ['failed_samples', 'Samples that could not be answered at all.', 'failed'],
      ['offload_bytes', 'Bytes of tensors that devices sent to workers for answers.', 'offloadBytes'],
      [
        'input_bytes',
        'Bytes that sending the input of every sample would have taken: a picture as JPEG.',
        'inputBytes',
      ],
      ['audit_bytes', 'Bytes of tensors that devices sent to workers for audits.', 'auditBytes'],
    ];
    for (const [name, help, of] of counts) {
      metrics.counter({ name: `offramp_fleet_${name}_total`, help, labels: ['group'] }, () =>
        counters.count(of),
      );
    }
    metrics.counter(
      {
        name: 'offramp_fleet_audits_total',
        help: 'Audits of early answers by outcome: agreed, disagreed or dropped.',
        labels: ['group', 'outcome'],
      },
      () => counters.audits(),
    );
  }

  private addControl(): void {
    const gauges: [name: string, help: string, read: (group: GroupMetrics) => number | null][] = [
      ['agreement_ratio', 'Predicted agreement under the thresholds in force.', ({ agreement }) => agreement],
      [
        'agreement_bound_ratio',
        'Lower bound of the agreement, which holds with 95 % certainty.',
        ({ agreementBound }) => agreementBound,
      ],
      ['agreement_goal_ratio', 'Minimum agreement that is wanted.', ({ agreementGoal }) => agreementGoal],
      ['canary_ratio', 'Share of devices in a canary; absent without one.', ({ canaryShare }) => canaryShare],
      ['outlier_devices', 'Devices with their own thresholds.', ({ exceptions }) => exceptions],
      ['unmet_goals', 'Goals that are not met.', ({ unmetGoals }) => unmetGoals],
    ];
    for (const [name, help, read] of gauges) {
      this.metrics.gauge({ name: `offramp_fleet_${name}`, help, labels: ['group'] }, () =>
        this.ofGroups(read),
      );
    }
    this.metrics.counter(
      {
        name: 'offramp_controller_events_total',
        help: 'Events that this controller has seen, by kind, such as drift or rolled-back.',
        labels: ['kind'],
      },
      () => Object.entries(this.events).map(([kind, count]) => [{ kind }, count] as const),
    );
    this.metrics.gauge(
      { name: 'offramp_controller_leader', help: 'Whether this controller leads, and so sets policies.' },
      () => Number(this.control?.leads() ?? false),
    );
  }

  private *ofGroups(
    read: (group: GroupMetrics) => number | null,
  ): Generator<readonly [{ group: string }, number]> {
    let groups = 0;
    for (const metrics of this.control?.groups() ?? []) {
      if (groups++ === maxGroups) return;
      const value = read(metrics);
      if (value !== null) yield [{ group: metrics.group }, value];
    }
  }

  private addWorkers(): void {
    const { workers, now } = this.parts;
    const sum = (of: (worker: ReturnType<WorkerRegister['workers']>[number]) => number) =>
      workers.workers(now()).reduce((total, worker) => total + of(worker), 0);
    const gauges: [name: string, help: string, read: () => MetricReading][] = [
      ['workers', 'Workers that have reported in the last 10 s.', () => sum(() => 1)],
      ['worker_threads', 'Inference threads of all workers.', () => sum(({ threads }) => threads)],
      [
        'workers_utilisation_ratio',
        'Offered work over the capacity of all workers; above 1 while they cannot keep up.',
        () => workers.utilisation(now()),
      ],
      [
        'worker_queued_samples',
        'Samples on all workers, waiting or running.',
        () => sum(({ queued }) => queued),
      ],
    ];
    for (const [name, help, read] of gauges)
      this.metrics.gauge({ name: `offramp_fleet_${name}`, help }, read);
    this.metrics.counter(
      {
        name: 'offramp_controller_worker_reports_total',
        help: "Workers' reports by outcome: counted, stale, full or invalid.",
        labels: ['outcome'],
      },
      () => byOutcome(workers.counts),
    );
  }

  private addController(): void {
    const { reports, connected } = this.parts;
    this.metrics.counter(
      {
        name: 'offramp_controller_reports_total',
        help: "Devices' reports by outcome: counted, repeated, stale, full or invalid.",
        labels: ['outcome'],
      },
      () => byOutcome(reports()),
    );
    this.metrics.gauge({ name: 'offramp_controller_nats_up', help: 'Whether NATS is connected.' }, () =>
      Number(connected()),
    );
    this.metrics.gauge(
      { name: 'offramp_controller_info', help: 'Always 1; its labels say what runs.', labels: ['version'] },
      () => [[{ version: offrampVersion }, 1]],
    );
  }
}

/** Each kind starts at 0, because Prometheus does not see the first increment of a new series. */
const noEvents = (): Record<FleetEventKind, number> => ({
  ...{ 'goals-set': 0, 'mode-set': 0, policy: 0, canary: 0, widened: 0, promoted: 0, 'rolled-back': 0 },
  ...{
    drift: 0,
    'goal-unmet': 0,
    'goal-met': 0,
    degraded: 0,
    'degraded-over': 0,
    'device-deviates': 0,
    'device-rejoined': 0,
    'devices-silent': 0,
    'devices-back': 0,
    'workers-silent': 0,
    'workers-back': 0,
    'jetstream-back': 0,
    leader: 0,
  },
});

const byOutcome = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).map(([outcome, count]) => [{ outcome }, count] as const);
