import type { WorkerReportInit } from '@offramp/contracts';
import type { StageCounts, WorkerStats } from './worker-stats.js';

/** The part of a report about one window; the rest identifies the worker. */
export type WindowLoad = Required<
  Pick<
    WorkerReportInit,
    'windowMs' | 'utilisation' | 'queued' | 'answered' | 'refused' | 'streams' | 'stages'
  >
>;

/** Maximum number of stages in one report: those that took the most time. */
const maxStages = 128;
/** Decay of measured times from one window to the next. */
const kept = 0.8;

interface Totals {
  atMs: number;
  queued: number;
  answered: number;
  refused: number;
  turnedAway: number;
  stages: Map<string, StageCounts>;
}

/** A worker's load in consecutive windows. Pure: time and counts are passed in. */
export class LoadWindows {
  private before: Totals;
  /** Decaying sums over windows, because one window may run many samples that the next one answers. */
  private lately = { seconds: 0, answered: 0 };

  /** @param nowMs of a monotonic clock, like all times here */
  constructor(
    private readonly threads: number,
    stats: WorkerStats,
    nowMs: number,
  ) {
    this.before = totalsOf(stats, nowMs);
  }

  /**
   * The window since the last call.
   *
   * Utilisation is offered work over capacity. Offered work is the executed work plus, at the mean time of a sample, refused
   * samples and the growth of the queue.
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

/** The counts of a bundle that was removed and added again restart, so they are lower than before. */
function workSince(now: StageCounts, before: StageCounts | undefined): StageCounts {
  if (!before || before.batches > now.batches) return now;
  return {
    ...now,
    batches: now.batches - before.batches,
    samples: now.samples - before.samples,
    seconds: now.seconds - before.seconds,
  };
}
