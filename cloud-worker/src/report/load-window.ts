import type { WorkerReport } from '@offramp/shared';
import type { StageCounts, WorkerStats } from '../worker-stats.js';

/** What a report says of one window; the rest of it is who says so. */
export type WindowLoad = Required<
  Pick<WorkerReport, 'windowMs' | 'utilisation' | 'queued' | 'answered' | 'refused' | 'streams' | 'stages'>
>;

/** Stages in one report, at most: those that took the most time. */
const maxStages = 128;
/** Of what samples took, from one window to the next. */
const kept = 0.8;

interface Totals {
  atMs: number;
  queued: number;
  answered: number;
  refused: number;
  turnedAway: number;
  stages: Map<string, StageCounts>;
}

/** How busy a worker was, from one look to the next. Pure: time and counts are passed in. */
export class LoadWindows {
  private before: Totals;
  /** Of this window and, ever less, those before. One alone may have run much of what the next one answers. */
  private lately = { seconds: 0, answered: 0 };

  /** @param nowMs by a monotonic clock, as all times here */
  constructor(
    private readonly threads: number,
    stats: WorkerStats,
    nowMs: number,
  ) {
    this.before = totalsOf(stats, nowMs);
  }

  /**
   * The window since the last look.
   *
   * Utilisation is what came over what could be done. What came is what ran, and, at what samples take on average, what was
   * turned away and what the queue has grown by.
   */
  next(stats: WorkerStats, nowMs: number): WindowLoad {
    const { before } = this;
    const now = totalsOf(stats, nowMs);
    this.before = now;
    const windowMs = Math.max(0, now.atMs - before.atMs);
    const stages = [...now.stages]
      .map(([key, counts]) => workSince(counts, before.stages.get(key)))
      .filter(({ samples }) => samples > 0);
    const ran = stages.reduce((sum, { seconds }) => sum + seconds, 0);
    const answered = now.answered - before.answered;
    this.lately = {
      seconds: this.lately.seconds * kept + ran,
      answered: this.lately.answered * kept + answered,
    };
    const sampleSeconds = this.lately.answered > 0 ? this.lately.seconds / this.lately.answered : 0;
    const notDone = now.turnedAway - before.turnedAway + Math.max(0, now.queued - before.queued);
    const couldRun = (this.threads * windowMs) / 1_000;
    return {
      windowMs: Math.round(windowMs),
      utilisation: couldRun > 0 ? (ran + notDone * sampleSeconds) / couldRun : 0,
      queued: now.queued,
      answered,
      refused: now.refused - before.refused,
      streams: stats.counts().streams,
      stages: stages
        .sort((a, b) => b.seconds - a.seconds)
        .slice(0, maxStages)
        .map(({ bundleDigest, stage, samples, seconds }) => ({
          ...{ stage, samples, seconds },
          bundleDigest: Buffer.from(bundleDigest, 'hex'),
        })),
    };
  }
}

function totalsOf(stats: WorkerStats, atMs: number): Totals {
  const { inFlight, answered, refused } = stats.counts();
  return {
    ...{ atMs, answered, queued: inFlight, turnedAway: stats.turnedAway },
    refused: Object.values(refused).reduce((sum, count) => sum + count, 0),
    stages: new Map(stats.stageWork().map((counts) => [`${counts.bundleDigest} ${counts.stage}`, counts])),
  };
}

/** A bundle that went and came again begins anew, so that its counts are lower than before. */
function workSince(now: StageCounts, before: StageCounts | undefined): StageCounts {
  if (!before || before.batches > now.batches) return now;
  return {
    ...now,
    batches: now.batches - before.batches,
    samples: now.samples - before.samples,
    seconds: now.seconds - before.seconds,
  };
}
