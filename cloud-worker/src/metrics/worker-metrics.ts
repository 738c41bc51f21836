import { offrampVersion, shortDigest } from '@offramp/runtime';
import {
  addProcessMetrics,
  type MetricReading,
  MetricsRegistry,
  type MetricsText,
} from '@offramp/runtime/metrics';
import type { WindowLoad } from '../report/load-window.js';
import type { StageCounts, WorkerStats } from '../report/worker-stats.js';

export interface WorkerMetricsParts {
  stats: WorkerStats;
  threads: number;
  maxQueue: number;
  /** Load in the last window; `null` before the first has ended. */
  load(): WindowLoad | null;
  /** Whether NATS is connected; `null` without --nats. */
  connected(): boolean | null;
  /** In milliseconds since 1970; `null` without TLS. */
  certificateExpiresMs(): number | null;
}

/** Upper bounds; `maxBatch` is 1,024 at most. */
const batchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

/** A worker's metrics; `docs/metrics.md` lists them. */
export class WorkerMetrics implements MetricsText {
  private readonly metrics = new MetricsRegistry();

  constructor(parts: WorkerMetricsParts) {
    const { stats, threads, maxQueue, load, connected, certificateExpiresMs } = parts;
    const { metrics } = this;
    const counts = () => stats.counts();
    metrics.counter(
      { name: 'offramp_worker_received_samples_total', help: 'Received samples, including refused ones.' },
      () => counts().samples,
    );
    metrics.counter(
      {
        name: 'offramp_worker_answered_samples_total',
        help: 'Answered samples by exit, counted from 0.',
        labels: ['exit'],
      },
      () => counts().exits.map((count, exit) => [{ exit: String(exit) }, count] as const),
    );
    metrics.counter(
      {
        name: 'offramp_worker_refused_samples_total',
        help: 'Refused samples, including audits, by gRPC status.',
        labels: ['code'],
      },
      () => Object.entries(counts().refused).map(([code, count]) => [{ code }, count] as const),
    );
    metrics.counter(
      {
        name: 'offramp_worker_turned_away_samples_total',
        help: 'Samples, without audits, refused for lack of room or time.',
      },
      () => stats.turnedAway,
    );
    metrics.counter(
      {
        name: 'offramp_worker_abandoned_samples_total',
        help: 'Samples whose sender disconnected before the answer.',
      },
      () => counts().abandoned,
    );
    metrics.counter(
      {
        name: 'offramp_worker_refused_connections_total',
        help: 'Connections over TLS that were refused or ended, by reason.',
        labels: ['reason'],
      },
      () => [...stats.refusedConnections].map(([reason, count]) => [{ reason }, count] as const),
    );
    stats.observeBatches(
      metrics.histogram(
        { name: 'offramp_worker_batch_samples', help: 'Samples that ran through a stage together.' },
        batchBuckets,
      ),
    );
    const perStage: [name: string, help: string, read: (work: StageCounts) => number][] = [
      ['samples', 'Samples that ran through a stage.', ({ samples }) => samples],
      ['batches', 'Batches that ran through a stage.', ({ batches }) => batches],
      ['seconds', 'Time of inference threads spent on a stage.', ({ seconds }) => seconds],
    ];
    for (const [name, help, read] of perStage) {
      metrics.counter({ name: `offramp_worker_stage_${name}_total`, help, labels: ['bundle', 'stage'] }, () =>
        stats
          .stageWork()
          .map(
            (work) =>
              [{ bundle: shortDigest(work.bundleDigest), stage: String(work.stage) }, read(work)] as const,
          ),
      );
    }
    const gauges: [name: string, help: string, read: () => MetricReading][] = [
      ['queued_samples', 'Samples on the worker, waiting or running.', () => counts().inFlight],
      ['queue_limit_samples', 'Limit of samples on the worker.', () => maxQueue],
      ['streams', 'Open streams of devices.', () => counts().streams],
      ['threads', 'Inference threads.', () => threads],
      [
        'utilisation_ratio',
        'Offered work in the last window over the capacity of the threads; above 1 while it cannot keep up.',
        () => load()?.utilisation ?? null,
      ],
      [
        'nats_up',
        'Whether NATS is connected; absent without --nats.',
        () => {
          const up = connected();
          return up === null ? null : Number(up);
        },
      ],
      [
        'certificate_expires_seconds',
        'When its certificate expires, in seconds since 1970; absent without TLS.',
        () => secondsOf(certificateExpiresMs()),
      ],
    ];
    for (const [name, help, read] of gauges) metrics.gauge({ name: `offramp_worker_${name}`, help }, read);
    metrics.gauge(
      { name: 'offramp_worker_info', help: 'Always 1; its labels say what runs.', labels: ['version'] },
      () => [[{ version: offrampVersion }, 1]],
    );
    addProcessMetrics(metrics);
  }

  get contentType(): string {
    return this.metrics.contentType;
  }

  text(): Promise<string> {
    return this.metrics.text();
  }
}

const secondsOf = (milliseconds: number | null) => milliseconds && milliseconds / 1_000;
