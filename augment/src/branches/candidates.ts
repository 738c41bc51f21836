import type { CutPoint } from '../onnx/profile.js';
import type { BranchBody } from './body.js';
import type { BranchDesign } from './branch-trainer.js';

/** Maximum number of cut points to try, each with every body. */
const mostCutPoints = 10;

/**
 * Branches to choose from: every body at every cut point, or at some that spread evenly over the backbone's cost
 * if there are too many. The first is always included.
 * @param cutPoints of different cost, rising
 */
export function candidateDesigns(
  cutPoints: readonly CutPoint[],
  backboneMacs: number,
  bodies: readonly BranchBody[],
): BranchDesign[] {
  const useful = cutPoints.filter(({ cumulativeMacs }) => cumulativeMacs < backboneMacs);
  return spread(useful, backboneMacs).flatMap((cutPoint) =>
    bodiesAt(cutPoint, bodies).map((body) => ({ cutPoint, body, reuse: 'none' as const })),
  );
}

/** Tokens and vectors have no convolutional bodies. */
export function bodiesAt({ shape }: CutPoint, bodies: readonly BranchBody[]): readonly BranchBody[] {
  return shape.length === 3 ? bodies : [{ kind: 'pool', grid: 1, reduce: 'none' }];
}

function spread(cutPoints: readonly CutPoint[], backboneMacs: number): CutPoint[] {
  if (cutPoints.length <= mostCutPoints) return [...cutPoints];
  const chosen = new Set<CutPoint>();
  for (let i = 0; i < mostCutPoints; i++) {
    const share = i / mostCutPoints;
    const next = cutPoints.find(
      (point) => point.cumulativeMacs >= share * backboneMacs && !chosen.has(point),
    );
    if (next) chosen.add(next);
  }
  return cutPoints.filter((point) => chosen.has(point));
}
