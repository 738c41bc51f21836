import { OfframpError } from '@offramp/runtime';

/** Where branches go, by share of the backbone's cost. */
export const placements = ['linear', 'pareto', 'fine', 'golden'] as const;
export type Placement = (typeof placements)[number];

/** Tolerance for shares: 1 − 0.95 is slightly more than 0.05. */
const rounding = 1e-9;
const goldenRatio = (1 + Math.sqrt(5)) / 2;

/** PTEENet, section III-B; `i` counts from 1. */
const shares: Record<Placement, (i: number, n: number) => number> = {
  linear: (i, n) => i / (n + 1),
  pareto: (i) => 1 - 0.8 ** i,
  fine: (i) => 1 - 0.95 ** i,
  golden: (i, n) => goldenRatio ** (i - n - 1),
};

/**
 * For each of n branches the first cut point whose cumulative cost reaches the placement's share
 * (PTEENet, section III). Where there are not enough cut points, as many branches as have a place.
 * @param cumulativeCosts per cut point in order, share of the backbone's, rising
 * @returns indices into `cumulativeCosts`, rising; at least one, at most n
 * @throws OfframpError `MODEL_UNSUPPORTED` when there is no cut point before the end
 */
export function placeBranches(placement: Placement, n: number, cumulativeCosts: readonly number[]): number[] {
  const chosen: number[] = [];
  for (let i = 1; i <= n; i++) {
    const share = shares[placement](i, n);
    const first = cumulativeCosts.findIndex(
      (cost, index) => cost >= share - rounding && index > (chosen.at(-1) ?? -1) && cost < 1,
    );
    if (first < 0) break;
    chosen.push(first);
  }
  if (chosen.length > 0) return chosen;
  const last = cumulativeCosts.findLastIndex((cost) => cost < 1);
  if (last >= 0) return [last];
  throw new OfframpError(
    'MODEL_UNSUPPORTED',
    'the model has no cut points with pictures, tokens or vectors before the end of its cost',
    { hint: '`offramp inspect MODEL --all` lists its cut points.' },
  );
}
