import { binomialCdf } from '@offramp/bundle';

/** Halvings of [0, 1], for an error below 1e-12. */
const bisections = 40;

/**
 * The largest share consistent with `successes` of `trials`: with a higher one, so few successes would have
 * a probability below `alpha` (Clopper-Pearson, one-sided). 1 without trials.
 */
export function upperBound(successes: number, trials: number, alpha: number): number {
  if (successes >= trials) return 1;
  let low = successes / trials;
  let high = 1;
  for (let i = 0; i < bisections; i++) {
    const middle = (low + high) / 2;
    if (binomialCdf(successes, trials, middle) > alpha) low = middle;
    else high = middle;
  }
  return high;
}

/** The smallest share consistent with `successes` of `trials`; see {@link upperBound}. */
export function lowerBound(successes: number, trials: number, alpha: number): number {
  return 1 - upperBound(trials - successes, trials, alpha);
}

/** Both bounds, each missed with probability `alpha / 2`. */
export function interval(successes: number, trials: number, alpha = 0.05): [low: number, high: number] {
  return [lowerBound(successes, trials, alpha / 2), upperBound(successes, trials, alpha / 2)];
}

/** Standard deviations between two observed shares, under the assumption that they are equal. */
export function deviationsApart(
  a: { share: number; trials: number },
  b: { share: number; trials: number },
): number {
  const pooled = (a.share * a.trials + b.share * b.trials) / (a.trials + b.trials);
  const variance = pooled * (1 - pooled) * (1 / a.trials + 1 / b.trials);
  return variance > 0 ? (a.share - b.share) / Math.sqrt(variance) : 0;
}
