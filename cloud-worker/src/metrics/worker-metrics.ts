import { offrampVersion, shortDigest } from '@offramp/shared';
import {
  addProcessMetrics,
  type MetricReading,
  MetricsRegistry,
  type MetricsText,
} from '@offramp/shared/metrics';
import type { WindowLoad } from '../report/load-window.js';
import type { StageCounts, WorkerStats } from '../worker-stats.js';

export interface WorkerMetricsParts {
  stats: WorkerStats;
  threads: number;
  maxQueue: number;
  /** Of the last window; `null` before the first has ended. */
  load(): WindowLoad | null;
  /** `null` where the worker reports to nobody. */
  connected(): boolean | null;
}

/** Upper bounds; `maxBatch` is 1,024 at most. */
const batchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

/** What a worker tells Prometheus; `docs/metrics.md` lists it. */
export class WorkerMetrics implements MetricsText {
  private readonly metrics = new MetricsRegistry();

  constructor({ stats, threads, maxQueue, load, connected }: WorkerMetricsParts) {
    const { metrics } = this;
    const counts = () => stats.counts();
    metrics.counter(
      { name: 'offramp_worker_received_samples_total', help: 'Samples that came, refused ones included.' },
      () => counts().samples,
    );
    metrics.counter(
      {
        name: 'offramp_worker_answered_samples_total',
        help: 'Samples that were answered, by the exit that did, counted from 0.',
        labels: ['exit'],
      },
      () => counts().exits.map((count, exit) => [{ exit: String(exit) }, count] as const),
    );
    metrics.counter(
      {
        name: 'offramp_worker_refused_samples_total',
        help: 'Samples that were refused, audits included, by the gRPC status.',
        labels: ['code'],
      },
      () => Object.entries(counts().refused).map(([code, count]) => [{ code }, count] as const),
    );
    metrics.counter(
      {
        name: 'offramp_worker_turned_away_samples_total',
        help: 'Samples, no audits, that were refused for want of room or time.',
      },
      () => stats.turnedAway,
    );
    metrics.counter(
      {
        name: 'offramp_worker_abandoned_samples_total',
        help: 'Samples whose sender went before their answer.',
      },
      () => counts().abandoned,
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
      ['seconds', 'Time of inference threads that a stage took.', ({ seconds }) => seconds],
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
      ['queue_limit_samples', 'Samples on the worker at most.', () => maxQueue],
      ['streams', 'Open streams of devices.', () => counts().streams],
      ['threads', 'Inference threads.', () => threads],
      [
        'utilisation_ratio',
        'Work that came in the last window over work that the threads can do; above 1 while it cannot keep up.',
        () => load()?.utilisation ?? null,
      ],
      [
        'nats_up',
        'Whether controllers can be told; nothing without --nats.',
        () => {
          const up = connected();
          return up === null ? null : Number(up);
        },
      ],
    ];
    for (const [name, help, read] of gauges) metrics.gauge({ name: `offramp_worker_${name}`, help }, read);
    metrics.gauge(
      { name: 'offramp_worker_info', help: 'Always 1; says what runs.', labels: ['version'] },
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
