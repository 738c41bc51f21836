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
  const [first, second] = grouped(before, after);
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

function grouped(before: readonly number[], after: readonly number[]): [number[], number[]] {
  const wanted = (sum(before) + sum(after)) / groups;
  const first: number[] = [];
  const second: number[] = [];
  let open = false;
  before.forEach((count, bin) => {
    if (open) {
      first.push((first.pop() as number) + count);
      second.push((second.pop() as number) + (after[bin] ?? 0));
    } else {
      first.push(count);
      second.push(after[bin] ?? 0);
    }
    open = (first.at(-1) as number) + (second.at(-1) as number) < wanted;
  });
  if (open && first.length > 1) {
    // What is left over is no group of its own.
    const [a, b] = [first.pop() as number, second.pop() as number];
    first.push((first.pop() as number) + a);
    second.push((second.pop() as number) + b);
  }
  return [first, second];
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
