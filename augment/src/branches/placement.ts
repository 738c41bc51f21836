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
 * (PTEENet, section III).
 * @param cumulativeCosts per cut point in order, share of the backbone's, rising
 * @returns indices into `cumulativeCosts`, rising
 * @throws OfframpError `MODEL_UNSUPPORTED` when there are not enough cut points
 */
export function placeBranches(placement: Placement, n: number, cumulativeCosts: readonly number[]): number[] {
  const chosen: number[] = [];
  for (let i = 1; i <= n; i++) {
    const share = shares[placement](i, n);
    const first = cumulativeCosts.findIndex(
      (cost, index) => cost >= share - rounding && index > (chosen.at(-1) ?? -1) && cost < 1,
    );
    if (first < 0) {
      throw new OfframpError(
        'MODEL_UNSUPPORTED',
        `the model has no cut point for branch ${i} of ${n} at ${percent(share)} of its cost; ${whereTheyAre(cumulativeCosts)}`,
        { hint: 'Ask for fewer --branches, or for --cut-points; `offramp inspect MODEL` lists them.' },
      );
    }
    chosen.push(first);
  }
  return chosen;
}

function whereTheyAre(cumulativeCosts: readonly number[]): string {
  const useful = cumulativeCosts.filter((cost) => cost < 1);
  const last = useful.at(-1);
  return last === undefined
    ? 'it has no cut points with pictures, tokens or vectors'
    : `it has ${useful.length} of different cost, the last at ${percent(last)}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
