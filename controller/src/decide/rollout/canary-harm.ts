import { logBeta } from '../drift/histogram-change.js';
import { logCapitalForWorse } from '../proof/betting.js';
import type { Canary, Side } from './canary.js';

/** Odds of 100 to 1 that a canary does harm rather than being unlucky. */
const certainLogOdds = Math.log(100);
/** A smaller difference of shares is no harm. */
const minDifference = 0.02;

type Fault = 'degraded' | 'late';

/** How a canary is worse than the goal or the other devices. Shares are in [0, 1]. */
export type CanaryHarm =
  /** Audits disagreed with the whole model more often than the goal allows. */
  | { kind: 'disagreement'; disagreed: number }
  /** More of its samples were degraded, or late. */
  | { kind: Fault; share: number; othersShare: number };

/**
 * Harm is certain disagreement beyond the goal, more degraded answers, or more late ones. Devices differ, and few try a
 * policy: canaries must be worse than the other devices and worse than they were themselves.
 * @param level share of disagreement that the goal allows; `null`: there is no such goal
 * @returns `null`: no harm is certain
 */
export function canaryHarm(canary: Canary, level: number | null): CanaryHarm | null {
  if (level !== null && logCapitalForWorse(canary.audits, level) >= certainLogOdds) {
    const disagreed = canary.audits.reduce((sum, audit) => sum + audit.disagreed, 0);
    return { kind: 'disagreement', disagreed };
  }
  const { tried, others, before } = canary;
  for (const kind of ['degraded', 'late'] as const) {
    const worseThanBefore = countsOf(before, kind).all === 0 || isWorse(tried, before, kind);
    if (isWorse(tried, others, kind) && worseThanBefore) {
      return { kind, share: shareOf(tried, kind), othersShare: shareOf(others, kind) };
    }
  }
  return null;
}

/** Samples that could have the fault, and samples that had it. */
function countsOf(side: Side, fault: Fault): { all: number; had: number } {
  return { all: fault === 'late' ? side.timed : side.samples, had: side[fault] };
}

function shareOf(side: Side, fault: Fault): number {
  const { all, had } = countsOf(side, fault);
  return all === 0 ? 0 : had / all;
}

function isWorse(one: Side, other: Side, fault: Fault): boolean {
  const difference = shareOf(one, fault) - shareOf(other, fault);
  return difference > minDifference && differs(one, other, fault) >= certainLogOdds;
}

/** Logarithm of the odds that two shares differ: the Bayes factor of two binomials against one, with uniform priors. */
function differs(one: Side, other: Side, fault: Fault): number {
  const evidence = (...sides: Side[]) => {
    const counts = sides.map((side) => countsOf(side, fault));
    return logBeta([
      1 + counts.reduce((sum, { had }) => sum + had, 0),
      1 + counts.reduce((sum, { all, had }) => sum + all - had, 0),
    ]);
  };
  return evidence(one) + evidence(other) - evidence(one, other);
}
