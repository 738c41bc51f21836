/** Two sets of counts by confidence, compared. */
export interface HistogramChange {
  /** Logarithm of the odds, even beforehand, that they come from two distributions rather than from one. */
  logOdds: number;
  /** Total variation distance of the two, in [0, 1], in the groups of bins that are compared. */
  distance: number;
}

/** As many groups of bins are compared, each with about as many samples. */
const groups = 10;
/**
 * Parameter of the Dirichlet prior, the same for each group. Larger ones expect less to move, and see that sooner; this one
 * expects a group's share to move by a third, or a tenth of all samples to lie elsewhere.
 */
const prior = 10;

/**
 * Whether two histograms differ: the Bayes factor of two multinomials against one. Bins are grouped by the quantiles of
 * both together, so that nothing depends on where confidences lie.
 */
export function compareHistograms(before: readonly number[], after: readonly number[]): HistogramChange {
  const both = before.map((count, bin) => count + (after[bin] ?? 0));
  const total = sum(both);
  const totalBefore = sum(before);
  const totalAfter = sum(after);
  if (totalBefore === 0 || totalAfter === 0) return { logOdds: 0, distance: 0 };
  const first: number[] = [];
  const second: number[] = [];
  let a = 0;
  let b = 0;
  both.forEach((_, bin) => {
    a += before[bin] as number;
    b += after[bin] ?? 0;
    if (a + b < total / groups && bin < both.length - 1) return;
    first.push(a);
    second.push(b);
    a = 0;
    b = 0;
  });
  const joint = first.map((count, i) => count + (second[i] as number));
  const none = joint.map(() => 0);
  return {
    logOdds: logEvidence(first) + logEvidence(second) - logEvidence(joint) - logEvidence(none),
    distance:
      first.reduce(
        (distance, count, i) =>
          distance + Math.abs(count / totalBefore - (second[i] as number) / totalAfter),
        0,
      ) / 2,
  };
}

/** Logarithm of the multivariate beta function at counts + prior. */
function logEvidence(counts: readonly number[]): number {
  return (
    counts.reduce((log, count) => log + logGamma(count + prior), 0) - logGamma(sum(counts) + counts.length * prior)
  );
}

/** Stirling's series, whose error from 10 on is below 1e-10. @param x at least 10 */
function logGamma(x: number): number {
  const inverse = 1 / x;
  const square = inverse * inverse;
  return (
    (x - 0.5) * Math.log(x) -
    x +
    0.5 * Math.log(2 * Math.PI) +
    inverse * (1 / 12 - square * (1 / 360 - square / 1260))
  );
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
