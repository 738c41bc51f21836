import type { GrpcStatusName } from '@offramp/runtime';

/** Counts since the worker started. */
export interface WorkerCounts {
  /** Samples received, refused ones included. */
  samples: number;
  answered: number;
  /** Samples whose stream or call ended before their answer. */
  abandoned: number;
  /** Per gRPC status name. */
  refused: Readonly<Record<string, number>>;
  batches: number;
  /** Samples per batch; 0 before the first. */
  meanBatch: number;
  /** Samples run per stage. */
  stages: number[];
  /** Samples answered per exit, the final exit last. */
  exits: number[];
  /** Current samples on the worker, and open streams. */
  inFlight: number;
  streams: number;
}

/** What one stage of a bundle has run since the bundle was loaded. */
export interface StageCounts {
  /** In hexadecimal. */
  bundleDigest: string;
  stage: number;
  batches: number;
  samples: number;
  /** Time of inference threads. */
  seconds: number;
}

/** Counts of the worker over all its bundles. */
export class WorkerStats {
  private samples = 0;
  private answered = 0;
  private abandoned = 0;
  private batches = 0;
  private readonly refused = new Map<string, number>();
  private readonly stages: number[] = [];
  private readonly exits: number[] = [];
  private readonly work = new Map<string, StageCounts>();
  private away = 0;
  private batchObserver: { observe(samples: number): void } | null = null;
  private connections: () => ReadonlyMap<string, number> = () => new Map();
  private inFlight = 0;
  private streams = 0;

  onReceived(): void {
    this.samples++;
  }

  onAdmitted(): void {
    this.inFlight++;
  }

  onLeft(): void {
    this.inFlight--;
  }

  onAnswered(exit: number): void {
    this.answered++;
    this.exits[exit] = (this.exits[exit] ?? 0) + 1;
  }

  onRefused(status: GrpcStatusName): void {
    this.refused.set(status, (this.refused.get(status) ?? 0) + 1);
  }

  /** A sample (not an audit) was refused for lack of time or room. */
  onTurnedAway(): void {
    this.away++;
  }

  onAbandoned(): void {
    this.abandoned++;
  }

  /** From now on, reports the number of samples in each batch that has run. */
  observeBatches(observer: { observe(samples: number): void }): void {
    this.batchObserver = observer;
  }

  /** From now on, {@link refusedConnections} are what this reads. */
  observeConnections(read: () => ReadonlyMap<string, number>): void {
    this.connections = read;
  }

  /** Connections over TLS that were refused or ended, by reason. */
  get refusedConnections(): ReadonlyMap<string, number> {
    return this.connections();
  }

  onBatch(stage: number, samples: number): void {
    this.batches++;
    this.stages[stage] = (this.stages[stage] ?? 0) + samples;
  }

  /** A batch has run. */
  onWork(bundleDigest: string, stage: number, samples: number, seconds: number): void {
    const key = `${bundleDigest} ${stage}`;
    const counts = this.work.get(key) ?? { bundleDigest, stage, batches: 0, samples: 0, seconds: 0 };
    counts.batches++;
    this.batchObserver?.observe(samples);
    counts.samples += samples;
    counts.seconds += seconds;
    this.work.set(key, counts);
  }

  /** A bundle was removed. */
  forget(bundleDigest: string): void {
    for (const [key, counts] of this.work) if (counts.bundleDigest === bundleDigest) this.work.delete(key);
  }

  /** By bundle and stage, in the order in which they first ran. */
  stageWork(): StageCounts[] {
    return [...this.work.values()].map((counts) => ({ ...counts }));
  }

  /** Samples (without audits) that were refused for lack of time or room. */
  get turnedAway(): number {
    return this.away;
  }

  onStreamOpened(): void {
    this.streams++;
  }

  onStreamClosed(): void {
    this.streams--;
  }

  counts(): WorkerCounts {
    const run = this.stages.reduce((sum, samples) => sum + (samples ?? 0), 0);
    return {
      samples: this.samples,
      answered: this.answered,
      abandoned: this.abandoned,
      refused: Object.fromEntries(this.refused),
      batches: this.batches,
      meanBatch: this.batches === 0 ? 0 : run / this.batches,
      stages: Array.from(this.stages, (samples) => samples ?? 0),
      exits: Array.from(this.exits, (samples) => samples ?? 0),
      inFlight: this.inFlight,
      streams: this.streams,
    };
  }
}
