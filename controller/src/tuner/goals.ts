/** What an operator wants of a group of devices. */
export type Goal =
  /** At least this share of answers is the backbone's, in [0, 1]. */
  | { kind: 'agreement'; floor: number }
  /** At most this share of samples goes to the cloud, in [0, 1]. */
  | { kind: 'offload'; ceiling: number }
  /** At most so many seconds of workers' time are spent in a second. */
  | { kind: 'cloudSeconds'; perSecond: number }
  /** A share `quantile` of answers, in (0, 1), takes no longer than this. */
  | { kind: 'latency'; targetMs: number; quantile: number };

/** What samples cost that leave at each exit; every list has one entry per exit, the final one last. */
export interface ExitFacts {
  /** Multiply-accumulates over the whole backbone's. */
  cost: readonly number[];
  /** 1 where the exit is in the cloud, else 0. */
  inCloud: readonly number[];
  /** Of workers' time, per sample. */
  cloudSeconds: readonly number[];
  /** Samples of the group per second. */
  samplesPerSecond: number;
  /** Share of samples that leave at each exit whose answer takes longer than so many milliseconds. */
  lateShares(targetMs: number): readonly number[];
}

/** A goal that limits what samples cost on average: Σ share of samples × `perExit` ≤ `limit`. */
export interface Ceiling {
  perExit: readonly number[];
  limit: number;
}

export function ceilingOf(goal: Exclude<Goal, { kind: 'agreement' }>, facts: ExitFacts): Ceiling {
  switch (goal.kind) {
    case 'offload':
      return { perExit: facts.inCloud, limit: goal.ceiling };
    case 'cloudSeconds':
      return {
        perExit: facts.cloudSeconds.map((seconds) => seconds * facts.samplesPerSecond),
        limit: goal.perSecond,
      };
    case 'latency':
      return { perExit: facts.lateShares(goal.targetMs), limit: 1 - goal.quantile };
  }
}

/** The candidates, numbered from the safest to the cheapest, under which a goal is met. */
export interface CandidateRange {
  goal: Goal | 'workers';
  first: number;
  last: number;
}

export interface Choice {
  candidate: number;
  /** Goals that it does not meet, because goals before them, or the world, do not allow it. */
  unmet: (Goal | 'workers')[];
  /** Which goal keeps it from being cheaper, or safer where agreement is not asked for; `null`: none. */
  limitedBy: Goal | 'workers' | null;
}

/**
 * Chooses by goals in the order of their priority: each narrows what the ones before have left, or, where it cannot be met,
 * gets as near as they allow. Of what is left in the end, the cheapest where a goal asks for agreement, else the safest.
 * @param ranges most important first; where `first` is greater than `last` there is none
 */
export function chooseCandidate(ranges: readonly CandidateRange[], candidates: number): Choice {
  let first = 0;
  let last = candidates - 1;
  const unmet: Choice['unmet'] = [];
  const limits: { first: Choice['limitedBy']; last: Choice['limitedBy'] } = { first: null, last: null };
  for (const range of ranges) {
    if (range.first > last || range.last < first || range.first > range.last) {
      unmet.push(range.goal);
      if (range.first > last) first = last;
      else last = first;
      continue;
    }
    if (range.first > first) {
      first = range.first;
      limits.first = range.goal;
    }
    if (range.last < last) {
      last = range.last;
      limits.last = range.goal;
    }
  }
  const cheapest = ranges.some(({ goal }) => goal !== 'workers' && goal.kind === 'agreement');
  return cheapest
    ? { candidate: last, unmet, limitedBy: limits.last ?? limits.first }
    : { candidate: first, unmet, limitedBy: limits.first };
}
