import { checkName, v1 } from '@offramp/shared';
import type { WorkerStatus } from '../control/fleet-control.js';

/** What became of a worker's report. */
export type WorkerApplied =
  | 'counted'
  /** It came before, or a newer one did. */
  | 'stale'
  /** There are as many workers as there is room for. */
  | 'full'
  /** It is no report, or says what cannot be. */
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
/** How long a report that is too old may stay in memory while nobody looks, in milliseconds. */
const forgetEveryMs = 1_000;
const maxWorkers = 1_000;
/** Of one worker, the newest. */
const maxReports = 5;
const maxReportBytes = 64 * 1024;
const maxStages = 128;
const maxBootIdLength = 64;
/** Far above what machines have and take. */
const maxThreads = 65_536;
const maxUtilisation = 1_000;

/**
 * How busy workers are, by what they have said in the last ten seconds. A worker that was started again is another one, so
 * that the old one's last words count until they are too old. Times are milliseconds of one monotonic clock.
 */
export class WorkerRegister {
  /** Since the start, by what became of each report. */
  readonly counts: Record<WorkerApplied, number> = { counted: 0, stale: 0, full: 0, invalid: 0 };
  /** By name and boot. */
  private readonly entries = new Map<string, Entry>();
  private forgottenMs = Number.NEGATIVE_INFINITY;

  /** Workers that are known of, those included that have not been missed yet. */
  get size(): number {
    return this.entries.size;
  }

  /**
   * @param bytes a `WorkerReport`, or anything
   * @param sender the worker that the subject names, which must be the report's; `null`: unknown
   */
  apply(bytes: Uint8Array, nowMs: number, sender: string | null = null): WorkerApplied {
    const applied = this.take(bytes, nowMs, sender);
    this.counts[applied]++;
    return applied;
  }

  /** Those that have reported lately, by name. */
  workers(nowMs: number): WorkerStatus[] {
    return this.live(nowMs)
      .map(({ worker, reports }) => statusOf(worker, reports.at(-1) as Report, nowMs))
      .sort((a, b) => (a.worker < b.worker ? -1 : 1));
  }

  /** Of all workers together, weighted by their threads; above 1 where they cannot keep up. `null`: nobody has reported lately. */
  utilisation(nowMs: number): number | null {
    let threads = 0;
    let busy = 0;
    for (const { reports } of this.live(nowMs)) {
      const newest = reports.at(-1) as Report;
      threads += newest.threads;
      busy += newest.threads * newest.utilisation;
    }
    return threads === 0 ? null : busy / threads;
  }

  /**
   * Seconds of an inference thread that a sample takes at each stage of a bundle, from 0 to the last that ran; `null` for one
   * that did not run in any report that counted at the last look or report.
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

/** @returns `null` for what is no report, or says what cannot be */
function readReport(
  bytes: Uint8Array,
  seenAtMs: number,
): { worker: string; bootId: string; report: Report } | null {
  if (bytes.length > maxReportBytes) return null;
  try {
    const message = v1.WorkerReport.decode(bytes);
    const stages = message.stages ?? [];
    const { bootId, sequence, windowMs, threads, utilisation } = message;
    const possible =
      bootId.length > 0 &&
      bootId.length <= maxBootIdLength &&
      sequence > 0 &&
      windowMs > 0 &&
      threads > 0 &&
      threads <= maxThreads &&
      utilisation >= 0 &&
      utilisation <= maxUtilisation &&
      stages.length <= maxStages;
    if (!possible) return null;
    const { queued, maxQueue, answered, refused, streams } = message;
    const report = {
      ...{ sequence, seenAtMs, windowMs, utilisation, queued, maxQueue, threads, answered, refused, streams },
      stages: stages.map(({ bundleDigest, stage, samples, seconds }) => {
        const length = bundleDigest?.length ?? 0;
        if (length !== 32 || (stage ?? 0) > 255 || !((seconds ?? 0) >= 0 && Number.isFinite(seconds ?? 0))) {
          throw new RangeError('a stage that cannot be');
        }
        return {
          bundleDigest: Buffer.from(bundleDigest ?? []).toString('hex'),
          stage: stage ?? 0,
          samples: samples ?? 0,
          seconds: seconds ?? 0,
        };
      }),
    };
    return { worker: checkName('worker', message.worker), bootId, report };
  } catch {
    return null;
  }
}
