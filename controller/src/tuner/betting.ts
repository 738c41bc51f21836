/** Samples of which each had the same chance of being audited, and how many of the audited ones disagreed. */
export interface AuditTally {
  /** In (0, 1]. */
  recordRate: number;
  /** Audited or not. */
  samples: number;
  disagreed: number;
}

/** What bets suppose the true share of disagreement to be, as multiples of the one that is tested. */
const safer = [0.05, 0.2, 0.4, 0.6, 0.75, 0.85, 0.93];
export const worse = [1.3, 2, 4, 10];

/**
 * Logarithm of the capital of somebody who bets, sample after sample, that less than a share `level` of them disagrees,
 * at odds that are fair if `level` or more do. Capital of 1/δ or more has then a chance of at most δ, however often one
 * looks and whenever one stops (Ville's inequality).
 *
 * A sample's payoff is what inverse-probability weighting makes of it: 1/rate if it was audited and disagreed, else 0. Its
 * mean is the share of disagreement whatever the rate, so that samples under different policies and rates add up, as
 * long as an audited one tells what the judged thresholds would have done. Stakes are a mixture of fixed ones, each the
 * best for one alternative. Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting" (JRSS B,
 * 2023); Waudby-Smith, Wu, Ramdas, Karampatziakis & Mineiro, "Anytime-valid off-policy inference for contextual bandits" (2022).
 * @param level in (0, 1)
 */
export function logCapitalForSafer(tallies: readonly AuditTally[], level: number): number {
  return mixture(tallies, level, safer);
}

/** As {@link logCapitalForSafer}, of somebody who bets that more than `level` disagree; fair if `level` or fewer do. */
export function logCapitalForWorse(tallies: readonly AuditTally[], level: number): number {
  return mixture(tallies, level, worse);
}

/**
 * Bounds of the share of disagreement, each of which holds with certainty 1 − `delta` at all times at once.
 * @returns 0 and 1 where nothing is known
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

/** What a bet multiplies its capital by, as a logarithm. @param ratio what it supposes, see `worse` */
export function logGain(tallies: readonly AuditTally[], level: number, ratio: number): number {
  let log = 0;
  for (const { recordRate, samples, disagreed } of tallies) {
    const payoff = 1 / recordRate;
    // Nobody may stake so much that an ordinary sample ruins them.
    const stake = Math.min((ratio - 1) / (payoff - level), 0.9 / level);
    log +=
      (samples - disagreed) * Math.log1p(-stake * level) + disagreed * Math.log1p(stake * (payoff - level));
  }
  return log;
}

/** Logarithm of the mean of what the logarithms are of. */
export function logMean(logs: readonly number[]): number {
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length);
}

/** The largest level in (0, 1) at which something holds that holds for all smaller ones. */
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
