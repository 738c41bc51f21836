import type { CutPoint } from '../onnx/profile.js';
import { formOf } from './activation.js';
import type { BranchBody } from './body.js';
import type { BranchDesign } from './branch-trainer.js';

/** Maximum number of cut points to try, each with every body. */
const mostCutPoints = 10;

/**
 * Branches to choose from: every body that pays at every cut point, or at some that spread evenly over the backbone's cost
 * if there are too many. The first is always included.
 * @param cutPoints of different cost, rising
 * @param pays whether a branch alone costs less than the rest of the backbone
 */
export function candidateDesigns(
  cutPoints: readonly CutPoint[],
  backboneMacs: number,
  bodies: readonly BranchBody[],
  pays: (design: BranchDesign) => boolean,
): BranchDesign[] {
  const designsAt = (cutPoint: CutPoint) =>
    bodiesAt(cutPoint, bodies)
      .map((body) => ({ cutPoint, body, reuse: 'none' as const }))
      .filter(pays);
  const paying = new Map(
    cutPoints
      .filter(({ cumulativeMacs }) => cumulativeMacs < backboneMacs)
      .map((cutPoint) => [cutPoint, withoutSpare(designsAt(cutPoint))] as const)
      .filter(([, designs]) => designs.length > 0),
  );
  return spread([...paying.keys()], backboneMacs).flatMap((cutPoint) => paying.get(cutPoint) ?? []);
}

/** Pooling alone is tried beside convolution only where convolution costs too much. */
function withoutSpare(designs: BranchDesign[]): BranchDesign[] {
  const convolutions = designs.filter(({ body }) => body.kind !== 'pool');
  return convolutions.length > 0 ? convolutions : designs;
}

/** Tokens and vectors have no convolutional bodies. */
export function bodiesAt(cutPoint: CutPoint, bodies: readonly BranchBody[]): readonly BranchBody[] {
  return formOf(cutPoint).kind === 'map' ? bodies : [{ kind: 'pool', grid: 1, reduce: 'none' }];
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
