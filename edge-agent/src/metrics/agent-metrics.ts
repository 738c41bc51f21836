import {
  addProcessMetrics,
  type MetricReading,
  MetricsRegistry,
  type MetricsText,
} from '@offramp/runtime/metrics';
import type { SampleResult } from '../answer.js';
import type { AgentStatus } from '../status.js';

/** Upper bounds in seconds, from an exit on the device (1 ms) to a distant worker (1 s). */
const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** An agent's metrics for Prometheus; `docs/metrics.md` lists them. */
export class AgentMetrics implements MetricsText {
  private readonly metrics = new MetricsRegistry();
  private readonly latency: { observe(seconds: number): void };
  private late = 0;

  /** @param status called for every scrape */
  constructor(status: () => AgentStatus) {
    const { metrics } = this;
    const totals = () => status().totals;
    const policy = () => status().policy;
    metrics.counter(
      {
        name: 'offramp_agent_samples_total',
        help: 'Answered samples by exit; final is the last.',
        labels: ['exit'],
      },
      () =>
        totals().exits.map((count, exit, { length }) => [{ exit: exitName(exit, length) }, count] as const),
    );
    const counts: [name: string, help: string, read: () => number][] = [
      ['offloaded_samples', 'Samples sent to a worker.', () => totals().offloaded],
      [
        'degraded_samples',
        'Samples that a local exit answered below its threshold, because no worker did.',
        () => totals().degraded,
      ],
      ['refused_samples', 'Samples that were refused because the agent was full.', () => totals().refused],
      ['failed_samples', 'Samples that could not be answered at all.', () => totals().failed],
      ['late_samples', 'Samples that took longer than the latency target of their policy.', () => this.late],
      [
        'offload_bytes',
        'Bytes of tensors that were sent to workers for answers.',
        () => totals().offloadBytes,
      ],
      [
        'input_bytes',
        'Bytes that sending the input of every sample would have taken: a picture as JPEG.',
        () => totals().inputBytes,
      ],
      ['audit_bytes', 'Bytes of tensors that were sent to workers for audits.', () => totals().audits.bytes],
    ];
    for (const [name, help, read] of counts) {
      metrics.counter({ name: `offramp_agent_${name}_total`, help }, read);
    }
    metrics.counter(
      {
        name: 'offramp_agent_audits_total',
        help: 'Audits of early answers by outcome: agreed, disagreed or dropped.',
        labels: ['outcome'],
      },
      () => {
        const { ended, agreed, dropped } = totals().audits;
        return [
          [{ outcome: 'agreed' }, agreed],
          [{ outcome: 'disagreed' }, ended - agreed],
          [{ outcome: 'dropped' }, dropped],
        ];
      },
    );
    this.latency = metrics.histogram(
      { name: 'offramp_agent_latency_seconds', help: 'Time from the arrival of a sample to its answer.' },
      latencyBuckets,
    );
    const gauges: [name: string, help: string, read: () => MetricReading][] = [
      ['in_flight_samples', 'Samples between arrival and answer.', () => status().inFlight],
      [
        'policy_version',
        "Number of the policy that new samples start under; 0: the bundle's own thresholds.",
        () => policy().version,
      ],
      [
        'newest_policy_version',
        "Number of its group's newest policy, which may be in a canary; 0: none received.",
        () => policy().newestVersion,
      ],
      [
        'policy_rejected',
        'Whether the newest policy could not be applied, so that the previous one is kept.',
        () => Number(policy().error !== null),
      ],
      ['audit_ratio', 'Share of samples that is audited.', () => policy().auditRate],
      [
        'telemetry_backlog_reports',
        'Reports that JetStream has not acknowledged yet.',
        () => status().nats?.telemetryBacklog ?? null,
      ],
      [
        'certificate_expires_seconds',
        'When its certificate expires, in seconds since 1970; absent without one.',
        () => {
          const { certificateExpires } = status();
          return certificateExpires === null ? null : Date.parse(certificateExpires) / 1_000;
        },
      ],
    ];
    for (const [name, help, read] of gauges) metrics.gauge({ name: `offramp_agent_${name}`, help }, read);
    metrics.gauge(
      {
        name: 'offramp_agent_threshold',
        help: 'Threshold by branch; above 1 no sample exits there.',
        labels: ['exit'],
      },
      () => policy().thresholds.map((threshold, exit) => [{ exit: String(exit) }, threshold] as const),
    );
    metrics.gauge(
      {
        name: 'offramp_agent_link_up',
        help: 'Whether the agent is connected to cloud (its worker) and nats; absent for unused links.',
        labels: ['link'],
      },
      () => linksOf(status()),
    );
    metrics.gauge(
      {
        name: 'offramp_agent_info',
        help: 'Always 1; its labels say what runs.',
        labels: ['version', 'bundle', 'bundle_name'],
      },
      () => {
        const { version, bundle } = status();
        return [[{ version, bundle: bundle.digest.slice(0, 12), bundle_name: bundle.name }, 1]];
      },
    );
    addProcessMetrics(metrics);
  }

  get contentType(): string {
    return this.metrics.contentType;
  }

  text(): Promise<string> {
    return this.metrics.text();
  }

  countResult(result: SampleResult): void {
    if (result.kind === 'failed') return;
    this.latency.observe(result.answer.latencyMs / 1_000);
    if (result.late) this.late++;
  }
}

const exitName = (exit: number, exits: number) => (exit === exits - 1 ? 'final' : String(exit));

function* linksOf({ cloud, nats }: AgentStatus): Generator<[{ link: string }, number]> {
  if (cloud) yield [{ link: 'cloud' }, Number(cloud.state === 'ready' || cloud.state === 'paused')];
  if (nats) yield [{ link: 'nats' }, Number(nats.state === 'up')];
}
