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
 * How firmly each of some priors, as likely as the others, expects both to be like the two together, in samples: that a
 * group's share of a tenth moves by a third, a sixth, a tenth.
 */
const priors = [100, 400, 1_200];

/**
 * Whether two histograms differ: the Bayes factor of two multinomials against one, with Dirichlet priors about what both have
 * together. Bins are grouped by the quantiles of both, so that nothing depends on where confidences lie.
 */
export function compareHistograms(before: readonly number[], after: readonly number[]): HistogramChange {
  const ends = groupEnds(before.map((count, bin) => count + (after[bin] ?? 0)));
  const [first, second] = [groupSums(before, ends), groupSums(after, ends)];
  const all = [sum(first), sum(second)] as const;
  if (all[0] === 0 || all[1] === 0) return { logOdds: 0, distance: 0 };
  const joint = first.map((count, i) => count + (second[i] as number));
  const logs = priors.map((samples) => {
    const prior = joint.map((count) => (samples * count) / (all[0] + all[1]));
    const evidence = (counts: readonly number[]) => logBeta(prior.map((own, i) => own + (counts[i] ?? 0)));
    return evidence(first) + evidence(second) - evidence(joint) - evidence([]);
  });
  const most = Math.max(...logs);
  return {
    logOdds: most + Math.log(sum(logs.map((log) => Math.exp(log - most))) / priors.length),
    distance: sum(first.map((count, i) => Math.abs(count / all[0] - (second[i] as number) / all[1]))) / 2,
  };
}

/** Where groups of neighbouring bins end that hold about as many samples each: after so many bins; the last one after all. */
export function groupEnds(counts: readonly number[]): number[] {
  const wanted = sum(counts) / groups;
  const ends: number[] = [];
  let here = 0;
  counts.forEach((count, bin) => {
    here += count;
    if (here < wanted) return;
    ends.push(bin + 1);
    here = 0;
  });
  // What is left over is no group of its own.
  ends.splice(Math.max(0, ends.length - 1), 1, counts.length);
  return ends;
}

export function groupSums(counts: readonly number[], ends: readonly number[]): number[] {
  return ends.map((end, group) => sum(counts.slice(ends[group - 1] ?? 0, end)));
}

/** Logarithm of the multivariate beta function. */
export function logBeta(values: readonly number[]): number {
  return sum(values.map(logGamma)) - logGamma(sum(values));
}

/** Stirling's series, whose error from 8 on is below 1e-9. */
function logGamma(value: number): number {
  let shift = 0;
  let x = value;
  while (x < 8) shift += Math.log(x++);
  const inverse = 1 / x;
  const square = inverse * inverse;
  return (
    (x - 0.5) * Math.log(x) -
    x +
    0.5 * Math.log(2 * Math.PI) +
    inverse * (1 / 12 - square * (1 / 360 - square / 1260)) -
    shift
  );
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
