import { OfframpError } from '@offramp/runtime';
import type { BranchBody } from '../branches/body.js';
import type { BranchDesign, Reuse } from '../branches/branch-trainer.js';
import { bodiesAt, candidateDesigns } from '../branches/candidates.js';
import { type Placement, placeBranches } from '../branches/placement.js';
import type { BackboneProfile, CutPoint } from '../onnx/profile.js';

export interface DesignOptions {
  /** How many; with the placement `auto`, at most. */
  branches: number;
  /** Where; `auto`: where a trial shows that they lower the cost. */
  placement: Placement | 'auto';
  /** Where, by the names of cut points, instead of `branches` and `placement`. */
  cutPoints: readonly string[] | null;
  /** Their bodies: the first, or with the placement `auto` the cheapest. At least one. */
  bodies: readonly BranchBody[];
  /** How a branch uses the previous exit's answer. */
  reuse: Reuse;
}

/**
 * Where branches go, and what they are made of; for the placement `auto`, those to choose from.
 * @throws OfframpError `MODEL_UNSUPPORTED` when there are not enough cut points; `CONFIG_INVALID` for names of no cut point
 */
export function designBranches(
  backbone: BackboneProfile,
  options: DesignOptions,
): { choose: boolean; designs: BranchDesign[] } {
  const { cutPoints, placement, bodies } = options;
  if (cutPoints)
    return { choose: false, designs: fixedDesigns(namedCutPoints(backbone, cutPoints), options) };
  const places = distinctCutPoints(backbone.cutPoints.filter(({ shape }) => shape.length <= 3));
  if (placement === 'auto') {
    // Throws for a model without cut points.
    placeBranches('fine', 1, shares(places, backbone));
    return { choose: true, designs: candidateDesigns(places, backbone.macs, bodies) };
  }
  const indices = placeBranches(placement, options.branches, shares(places, backbone));
  return {
    choose: false,
    designs: fixedDesigns(
      indices.map((i) => places[i] as CutPoint),
      options,
    ),
  };
}

/** Lets each branch but the first reuse what the one before answered. */
export function withReuse(designs: readonly BranchDesign[], reuse: Reuse): BranchDesign[] {
  return designs.map((design, i) => ({ ...design, reuse: i > 0 ? reuse : 'none' }));
}

function fixedDesigns(cutPoints: readonly CutPoint[], { bodies, reuse }: DesignOptions): BranchDesign[] {
  const designs = cutPoints.map((cutPoint) => ({
    cutPoint,
    body: bodiesAt(cutPoint, bodies)[0] as BranchBody,
    reuse: 'none' as const,
  }));
  return withReuse(designs, reuse);
}

function shares(cutPoints: readonly CutPoint[], { macs }: BackboneProfile): number[] {
  return cutPoints.map(({ cumulativeMacs }) => cumulativeMacs / macs);
}

/** @throws OfframpError `CONFIG_INVALID` for a name that is no cut point's, or is named twice */
function namedCutPoints(backbone: BackboneProfile, names: readonly string[]): CutPoint[] {
  const unknown = names.find((name, i) => {
    const known = backbone.cutPoints.some(({ tensor }) => tensor === name);
    return !known || names.indexOf(name) !== i;
  });
  if (unknown !== undefined) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `--cut-points: expected different cut points of the model, found ${unknown}`,
      {
        hint: '`offramp inspect MODEL --all` lists them.',
      },
    );
  }
  return backbone.cutPoints.filter(({ tensor }) => names.includes(tensor));
}

/**
 * One cut point for each cost: of those that no multiply-accumulate separates, the smallest activation,
 * and of equally small ones the last, which stands behind the non-linearity.
 */
export function distinctCutPoints(cutPoints: readonly CutPoint[]): CutPoint[] {
  const distinct: CutPoint[] = [];
  for (const cutPoint of cutPoints) {
    const last = distinct.at(-1);
    if (last?.cumulativeMacs !== cutPoint.cumulativeMacs) distinct.push(cutPoint);
    else if (cutPoint.activationBytes <= last.activationBytes) distinct[distinct.length - 1] = cutPoint;
  }
  return distinct;
}
