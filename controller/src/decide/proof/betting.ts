/** Samples with the same chance of being audited, and how many audited ones disagreed. */
export interface AuditTally {
  /** In (0, 1]. */
  recordRate: number;
  /** Audited or not. */
  samples: number;
  disagreed: number;
}

/** Shares of disagreement that bets assume, as multiples of the tested one. */
const safer = [0.05, 0.2, 0.4, 0.6, 0.75, 0.85, 0.93];
export const worse = [1.3, 2, 4, 10];

/**
 * Logarithm of a gambler's capital who bets, sample after sample, that less than a share `level` of them disagrees,
 * at odds that are fair if `level` or more do. In that case the probability that the capital ever reaches 1/δ is at most δ,
 * for any number of looks and any stopping time (Ville's inequality).
 *
 * A sample's payoff uses inverse-probability weighting: 1/rate if it was audited and disagreed, else 0. Its mean is the share
 * of disagreement at any rate, so samples under different policies and rates can be combined, as long as an audited one
 * shows the outcome under the judged thresholds. Stakes are a mixture of fixed ones, each the best for one alternative.
 * Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting" (JRSS B,
 * 2023); Waudby-Smith, Wu, Ramdas, Karampatziakis & Mineiro, "Anytime-valid off-policy inference for contextual bandits" (2022).
 * @param level in (0, 1)
 */
export function logCapitalForSafer(tallies: readonly AuditTally[], level: number): number {
  return mixture(tallies, level, safer);
}

/** As {@link logCapitalForSafer}, for a bet that more than `level` disagree; fair if `level` or fewer do. */
export function logCapitalForWorse(tallies: readonly AuditTally[], level: number): number {
  return mixture(tallies, level, worse);
}

/**
 * Bounds of the share of disagreement, each of which holds with certainty 1 − `delta` at all times at once.
 * @returns 0 and 1 without samples
 */
export function disagreementBounds(
  tallies: readonly AuditTally[],
  delta: number,
): { lower: number; upper: number } {
  const wanted = -Math.log(delta);
  return {
    lower: bisect((level) => logCapitalForWorse(tallies, level) >= wanted),
    upper: bisect((level) => logCapitalForSafer(tallies, level) < wanted),
  };
}

function mixture(tallies: readonly AuditTally[], level: number, ratios: readonly number[]): number {
  return logMean(ratios.map((ratio) => logGain(tallies, level, ratio)));
}

/** Logarithm of the factor by which a bet multiplies its capital. @param ratio the assumed multiple, see `worse` */
export function logGain(tallies: readonly AuditTally[], level: number, ratio: number): number {
  let log = 0;
  for (const { recordRate, samples, disagreed } of tallies) {
    const payoff = 1 / recordRate;
    // A stake is bounded, so that a single sample cannot lose the whole capital.
    const stake = Math.min((ratio - 1) / (payoff - level), 0.9 / level);
    log +=
      (samples - disagreed) * Math.log1p(-stake * level) + disagreed * Math.log1p(stake * (payoff - level));
  }
  return log;
}

/** Logarithm of the mean of values given by their logarithms. */
export function logMean(logs: readonly number[]): number {
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length);
}

/** The largest level in (0, 1) at which a monotone predicate holds. */
function bisect(holds: (level: number) => boolean): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return high > 1 - 1e-9 ? 1 : low < 1e-9 ? 0 : (low + high) / 2;
}
