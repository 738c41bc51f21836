/** An operator's goal for a group of devices. */
export type Goal =
  /** At least this share of answers agrees with the backbone, in [0, 1]. */
  | { kind: 'agreement'; floor: number }
  /** At most this share of samples goes to the cloud, in [0, 1]. */
  | { kind: 'offload'; ceiling: number }
  /** At most this many seconds of workers' time per second. */
  | { kind: 'cloudSeconds'; perSecond: number }
  /** A share `quantile` of answers, in (0, 1), takes no longer than this. */
  | { kind: 'latency'; targetMs: number; quantile: number };

/** The share of disagreement with the whole model that goals allow, in [0, 1]; `null`: no goal limits it. */
export function allowedDisagreement(goals: readonly Goal[]): number | null {
  const goal = goals.find(({ kind }) => kind === 'agreement');
  return goal?.kind === 'agreement' ? 1 - goal.floor : null;
}

/** Milliseconds beyond which an answer is late; `null`: there is no latency goal. */
export function latencyTargetOf(goals: readonly Goal[]): number | null {
  return goals.find((goal) => goal.kind === 'latency')?.targetMs ?? null;
}

/** Costs of samples by exit. Every list has one entry per exit, the final one last. */
export interface ExitFacts {
  /** Multiply-accumulates over the whole backbone's. */
  cost: readonly number[];
  /** 1 where the exit is in the cloud, else 0. */
  inCloud: readonly number[];
  /** Workers' time per sample. */
  cloudSeconds: readonly number[];
  /** Samples of the group per second. */
  samplesPerSecond: number;
  /** Share of samples at each exit whose answer takes longer than `targetMs`. */
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
  /** Goals that it does not meet, because more important goals or the traffic do not allow it. */
  unmet: (Goal | 'workers')[];
  /** The goal that prevents a cheaper candidate (without an agreement goal, a safer one); `null`: none. */
  limitedBy: Goal | 'workers' | null;
}

/**
 * Chooses by goals in order of priority. Each goal narrows the remaining range; one that cannot be met gets as close as the
 * range allows. The result is the cheapest remaining candidate if there is an agreement goal, else the safest.
 * @param ranges most important first; empty if `first` is greater than `last`
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
