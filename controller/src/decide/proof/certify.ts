import { binomialCdf } from '@offramp/bundle';
import type { TableOutcomes } from '../candidates/table-outcomes.js';
import { disagreementBounds, logCapitalForSafer } from './betting.js';

const earlyShare = 0.5;

/** Like `AuditTally`, for every candidate of a path. */
export interface CandidateTally {
  /** In (0, 1]. */
  recordRate: number;
  /** Audited or not. */
  samples: number;
  /** All records, and per candidate the records that would exit early with another answer than the backbone's. */
  records: number;
  disagreed: number[];
}

/**
 * The cheapest candidate for which the calibration table proves that at most a share `level` disagrees, with certainty
 * 1 − `delta` for all candidates together (fixed-sequence testing: all safer candidates are proven, too). Each test is the
 * exact binomial test at the candidate's effective size. Behind a codec with losses, samples that run to the end may disagree:
 * the sequence then begins where half of the samples exit early.
 */
export function certifiedByTable(outcomes: TableOutcomes, level: number, delta: number): number {
  const holds = (candidate: number) => chanceOfSoFew(outcomes, candidate, level) <= delta;
  const { disagreement, exitShares } = outcomes;
  const losesAtFinal = (disagreement[0] as number) > 0;
  const first = losesAtFinal ? (exitShares.at(-1)?.findIndex((share) => share <= earlyShare) ?? -1) : 0;
  return first > 0 && !holds(first) ? 0 : lastThatHolds(disagreement.length, holds, Math.max(0, first));
}

/** As {@link certifiedByTable}, by audits of current traffic, valid at all times at once. */
export function certifiedByAudits(
  tallies: readonly CandidateTally[],
  candidates: number,
  level: number,
  delta: number,
): number {
  const wanted = -Math.log(delta);
  return lastThatHolds(
    candidates,
    (candidate) => logCapitalForSafer(talliesOf(tallies, candidate), level) >= wanted,
  );
}

/** Upper bound of a candidate's disagreement by the table. */
export function tableUpperBound(outcomes: TableOutcomes, candidate: number, delta: number): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2;
    if (chanceOfSoFew(outcomes, candidate, middle) > delta) low = middle;
    else high = middle;
  }
  return high;
}

/** Upper bound of a candidate's disagreement by audits. */
export function auditUpperBound(
  tallies: readonly CandidateTally[],
  candidate: number,
  delta: number,
): number {
  return disagreementBounds(talliesOf(tallies, candidate), delta).upper;
}

/**
 * The binomial probability of at most the table's disagreement if the true share is `level`, at the candidate's effective
 * size, as for samples of surveys (E. L. Korn & B. I. Graubard, "Confidence intervals for proportions with small
 * expected number of positive counts estimated from survey data", 1998). Weighted counts are not integers; between two
 * integers the logarithm is interpolated, so that slightly changed weights do not cost as much as one more disagreement.
 */
function chanceOfSoFew({ effectiveSamples, disagreement }: TableOutcomes, candidate: number, level: number) {
  const samples = Math.floor(effectiveSamples[candidate] as number);
  const disagreed = (disagreement[candidate] as number) * samples;
  const whole = Math.floor(disagreed + 1e-9);
  const part = Math.max(0, disagreed - whole);
  const fewer = binomialCdf(whole, samples, level);
  return part < 1e-9 ? fewer : fewer ** (1 - part) * binomialCdf(whole + 1, samples, level) ** part;
}

function talliesOf(tallies: readonly CandidateTally[], candidate: number) {
  return tallies.map(({ recordRate, samples, disagreed }) => ({
    recordRate,
    samples,
    disagreed: disagreed[candidate] as number,
  }));
}

/** @param first holds: candidate 0 does by definition, because it has no early exits */
function lastThatHolds(candidates: number, holds: (candidate: number) => boolean, first = 0): number {
  let candidate = first;
  while (candidate + 1 < candidates && holds(candidate + 1)) candidate++;
  return candidate;
}
