import { checkName, v1 } from '@offramp/contracts';
import type { WorkerStatus } from '../../decide/model/fleet-control.js';
import { mostSamples } from '../report-bounds.js';

/** The outcome of a worker's report. */
export type WorkerApplied =
  | 'counted'
  /** It is repeated, or older than the newest. */
  | 'stale'
  /** The register is full. */
  | 'full'
  /** It is malformed, or has impossible values. */
  | 'invalid';

interface StageWork {
  bundleDigest: string;
  stage: number;
  samples: number;
  seconds: number;
}

interface Report {
  sequence: number;
  seenAtMs: number;
  windowMs: number;
  utilisation: number;
  queued: number;
  maxQueue: number;
  threads: number;
  answered: number;
  refused: number;
  streams: number;
  stages: StageWork[];
}

interface Entry {
  worker: string;
  /** Oldest first; at least one. */
  reports: Report[];
}

/** How long a report counts, in milliseconds. */
const memoryMs = 10_000;
/** How long expired reports may stay in memory without a query, in milliseconds. */
const forgetEveryMs = 1_000;
const maxWorkers = 1_000;
/** Reports kept per worker, the newest. */
const maxReports = 5;
const maxReportBytes = 64 * 1024;
const maxStages = 128;
const maxBootIdLength = 64;
/** Far above real values. */
const maxThreads = 65_536;
const maxUtilisation = 1_000;
/** A worker reports once a minute at least. */
const maxWindowMs = 3_600_000;
/** Time for which a batch may have run before the window in which it ended. */
const maxBatchSeconds = 3_600;
/** Above what a worker's options allow of places and streams. */
const maxPlaces = 1_000_000;

/**
 * The load of workers, by their reports of the last ten seconds. A restarted worker is a new one; reports of the old one
 * count until they expire. Times are milliseconds of one monotonic clock.
 */
export class WorkerRegister {
  /** Reports since the start, by outcome. */
  readonly counts: Record<WorkerApplied, number> = { counted: 0, stale: 0, full: 0, invalid: 0 };
  /** By name and boot. */
  private readonly entries = new Map<string, Entry>();
  private forgottenMs = Number.NEGATIVE_INFINITY;

  /** Number of known workers, including those that have not expired yet. */
  get size(): number {
    return this.entries.size;
  }

  /**
   * @param bytes a `WorkerReport`, not yet validated
   * @param sender the worker that the subject names, which must be the report's; `null`: unknown
   */
  apply(bytes: Uint8Array, nowMs: number, sender: string | null = null): WorkerApplied {
    const applied = this.take(bytes, nowMs, sender);
    this.counts[applied]++;
    return applied;
  }

  /** Workers that have reported recently, by name. */
  workers(nowMs: number): WorkerStatus[] {
    return this.live(nowMs)
      .map(({ worker, reports }) => statusOf(worker, reports.at(-1) as Report, nowMs))
      .sort((a, b) => (a.worker < b.worker ? -1 : 1));
  }

  /** Mean utilisation, weighted by threads; above 1 if workers cannot keep up. `null` without recent reports. */
  utilisation(nowMs: number): number | null {
    return meanUtilisation(this.newest(nowMs));
  }

  /**
   * Mean utilisation by reports that arrived after `sinceMs`. `null` until workers with half of all threads have reported,
   * so that a controller that reacts to it reacts once to each measurement, and never to that of workers that are gone.
   */
  utilisationSince(sinceMs: number, nowMs: number): number | null {
    const newest = this.newest(nowMs);
    const since = newest.filter(({ seenAtMs }) => seenAtMs > sinceMs);
    return 2 * threadsOf(since) < threadsOf(newest) ? null : meanUtilisation(since);
  }

  /**
   * Seconds of an inference thread per sample at each stage of a bundle, from 0 to the last that ran; `null` for a stage
   * without samples in the current reports.
   * @param bundleDigest in hexadecimal
   */
  stageSeconds(bundleDigest: string): (number | null)[] {
    const sums: { samples: number; seconds: number }[] = [];
    for (const { reports } of this.entries.values()) {
      for (const { bundleDigest: digest, stage, samples, seconds } of reports.flatMap(
        ({ stages }) => stages,
      )) {
        if (digest !== bundleDigest) continue;
        const sum = sums[stage] ?? { samples: 0, seconds: 0 };
        sums[stage] = { samples: sum.samples + samples, seconds: sum.seconds + seconds };
      }
    }
    return Array.from(sums, (sum) => (sum && sum.samples > 0 ? sum.seconds / sum.samples : null));
  }

  private take(bytes: Uint8Array, nowMs: number, sender: string | null): WorkerApplied {
    const read = readReport(bytes, nowMs);
    if (!read || (sender !== null && sender !== read.worker)) return 'invalid';
    if (nowMs - this.forgottenMs >= forgetEveryMs) this.forget(nowMs);
    const { worker, bootId, report } = read;
    const key = `${worker} ${bootId}`;
    const entry = this.entries.get(key);
    if (!entry) {
      if (this.entries.size >= maxWorkers) this.forget(nowMs);
      if (this.entries.size >= maxWorkers) return 'full';
      this.entries.set(key, { worker, reports: [report] });
      return 'counted';
    }
    const newest = entry.reports.at(-1) as Report;
    if (report.sequence <= newest.sequence) return 'stale';
    entry.reports = [...entry.reports, report].slice(-maxReports);
    return 'counted';
  }

  private newest(nowMs: number): Report[] {
    return this.live(nowMs).map(({ reports }) => reports.at(-1) as Report);
  }

  private live(nowMs: number): Entry[] {
    this.forget(nowMs);
    return [...this.entries.values()];
  }

  private forget(nowMs: number): void {
    this.forgottenMs = nowMs;
    for (const [key, entry] of this.entries) {
      entry.reports = entry.reports.filter(({ seenAtMs }) => nowMs - seenAtMs <= memoryMs);
      if (entry.reports.length === 0) this.entries.delete(key);
    }
  }
}

function threadsOf(reports: readonly Report[]): number {
  return reports.reduce((sum, { threads }) => sum + threads, 0);
}

function meanUtilisation(reports: readonly Report[]): number | null {
  const threads = threadsOf(reports);
  if (threads === 0) return null;
  return reports.reduce((sum, report) => sum + report.threads * report.utilisation, 0) / threads;
}

function statusOf(worker: string, report: Report, nowMs: number): WorkerStatus {
  const perSecond = (count: number) => (count * 1_000) / report.windowMs;
  const { utilisation, queued, maxQueue, threads, streams } = report;
  return {
    ...{ worker, utilisation, queued, maxQueue, threads, streams },
    answeredPerSecond: perSecond(report.answered),
    refusedPerSecond: perSecond(report.refused),
    lastSeenMsAgo: Math.max(0, Math.round(nowMs - report.seenAtMs)),
  };
}

/** @returns `null` for a malformed report, or one with impossible values */
function readReport(
  bytes: Uint8Array,
  seenAtMs: number,
): { worker: string; bootId: string; report: Report } | null {
  if (bytes.length > maxReportBytes) return null;
  try {
    const message = v1.WorkerReport.decode(bytes);
    const { stages, bootId, sequence, windowMs, threads, utilisation } = message;
    const { queued, maxQueue, answered, refused, streams } = message;
    const most = mostSamples(windowMs);
    const mostSeconds = threads * (windowMs / 1_000 + maxBatchSeconds);
    const possible =
      bootId.length > 0 &&
      bootId.length <= maxBootIdLength &&
      sequence > 0 &&
      windowMs > 0 &&
      windowMs <= maxWindowMs &&
      threads > 0 &&
      threads <= maxThreads &&
      utilisation >= 0 &&
      utilisation <= maxUtilisation &&
      stages.length <= maxStages &&
      Math.max(queued, maxQueue, streams) <= maxPlaces &&
      Math.max(answered, refused) <= most;
    if (!possible) return null;
    const report = {
      ...{ sequence, seenAtMs, windowMs, utilisation, queued, maxQueue, threads, answered, refused, streams },
      stages: stages.map(({ bundleDigest, stage, samples, seconds }) => {
        const possible = seconds >= 0 && seconds <= mostSeconds && samples <= most && stage <= 255;
        if (bundleDigest.length !== 32 || !possible) throw new RangeError('impossible stage');
        return { bundleDigest: Buffer.from(bundleDigest).toString('hex'), stage, samples, seconds };
      }),
    };
    return { worker: checkName('worker', message.worker), bootId, report };
  } catch {
    return null;
  }
}
