// Curves of agreement against cost, by the benchmarks of augmentation.

export const goals = [
  0.999, 0.997, 0.995, 0.991, 0.985, 0.98, 0.972, 0.96, 0.95, 0.936, 0.92, 0.9, 0.88, 0.86,
];

/** Mean agreement and cost over the splits, for each of `goals`. */
export function meanCurve(curves) {
  return goals.map((goal, i) => ({
    goal,
    agreement: mean(curves.map((points) => points[i].agreement)),
    cost: mean(curves.map((points) => points[i].cost)),
  }));
}

/** The cost at an agreement, interpolated linearly between measured points. */
export function costAt(curve, agreement) {
  const points = [...curve].sort((a, b) => a.agreement - b.agreement);
  const after = points.findIndex((point) => point.agreement >= agreement);
  if (after < 0) return Number.POSITIVE_INFINITY;
  if (after === 0) return points[0].cost;
  const [low, high] = [points[after - 1], points[after]];
  const share = (agreement - low.agreement) / (high.agreement - low.agreement);
  return low.cost + share * (high.cost - low.cost);
}

/**
 * What `curves` cost less what `others` cost at an agreement, and the standard error over the splits. Costs are brought to
 * that agreement along the slope of the mean curve at the three goals around it, because splits differ in agreement, too.
 */
export function costDifference(curves, others, agreement) {
  const distances = goals.slice(1, -1).map((goal) => Math.abs(goal - agreement));
  const middle = 1 + distances.indexOf(Math.min(...distances));
  const about = [middle - 1, middle, middle + 1];
  const atAgreement = (all) => {
    const means = meanCurve(all);
    const [above, , below] = about.map((i) => means[i]);
    const run = above.agreement - below.agreement;
    const slope = run > 0 ? (above.cost - below.cost) / run : 0;
    return all.map((points) =>
      mean(about.map((i) => points[i].cost + slope * (agreement - points[i].agreement))),
    );
  };
  const [costs, otherCosts] = [atAgreement(curves), atAgreement(others)];
  const differences = costs.map((cost, i) => cost - otherCosts[i]);
  const difference = mean(differences);
  const variance =
    differences.reduce((sum, value) => sum + (value - difference) ** 2, 0) / (differences.length - 1);
  return { difference, error: Math.sqrt(variance / differences.length) };
}

export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
