/** The comparison of two histograms of confidence. */
export interface HistogramChange {
  /** Logarithm of the odds (prior odds 1) that they come from two distributions rather than from one. */
  logOdds: number;
  /** Total variation distance over the compared groups of bins, in [0, 1]. */
  distance: number;
}

/** Number of groups of bins that are compared. Groups hold about equally many samples. */
const groups = 10;
/**
 * Weights of equally likely priors, in samples. A prior is centred on the joint histogram; with these weights, it expects a
 * group's share of a tenth to differ by a third, a sixth, a tenth.
 */
const priors = [100, 400, 1_200];

/**
 * Whether two histograms differ: the Bayes factor of two multinomials against one, with Dirichlet priors centred on the joint
 * histogram. Bins are grouped by joint quantiles, so the result does not depend on where confidences lie.
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

/** Ends of groups of neighbouring bins with about equally many samples, as numbers of bins; the last group ends after all bins. */
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
  // Remaining bins belong to the last group.
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

/** Stirling's series; its error is below 1e-9 for values of 8 or more. */
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
