// The cheapest thresholds that meet a goal on samples whose outcomes are all known.
import { truthOf } from './simulate-group.mjs';

/** The cheapest of the tuner's candidates. */
export function bestOnPath(traffic, path, costs, floor) {
  let best = 0;
  for (let candidate = 0; candidate < path.candidates; candidate++) {
    const { agreement, cost } = truthOf(traffic, path.thresholdsAt(candidate), costs);
    if (agreement >= floor && cost < truthOf(traffic, path.thresholdsAt(best), costs).cost) best = candidate;
  }
  return { thresholds: path.thresholdsAt(best), ...truthOf(traffic, path.thresholdsAt(best), costs) };
}

/**
 * The cheapest vector of bin edges that moving one or two thresholds at a time finds from the best candidate. The search knows
 * the samples it is judged on, so it is slightly better than any search without that knowledge can be.
 */
export function bestOfAll(traffic, path, binStarts, costs, floor) {
  let best = bestOnPath(traffic, path, costs, floor);
  const edges = [...binStarts, 2];
  const moves = [-3, -2, -1, 1, 2, 3];
  for (let improved = true; improved; ) {
    improved = false;
    const bins = best.thresholds.map((threshold) => edges.indexOf(threshold));
    const tries = bins.flatMap((_, i) =>
      moves.flatMap((a) => [
        moved(bins, [[i, a]]),
        ...bins.flatMap((__, j) =>
          j > i
            ? moves.map((b) =>
                moved(bins, [
                  [i, a],
                  [j, b],
                ]),
              )
            : [],
        ),
      ]),
    );
    for (const thresholds of tries.map((found) => found.map((bin) => edges[bin]))) {
      const { agreement, cost } = truthOf(traffic, thresholds, costs);
      if (agreement < floor || cost >= best.cost - 1e-9) continue;
      best = { thresholds, agreement, cost };
      improved = true;
    }
  }
  return best;

  function moved(bins, steps) {
    const found = [...bins];
    for (const [branch, by] of steps)
      found[branch] = Math.max(0, Math.min(edges.length - 1, found[branch] + by));
    return found;
  }
}
