import { OfframpError } from '@offramp/runtime';
import type { BranchBody } from '../branches/body.js';
import type { BranchDesign, Reuse } from '../branches/branch-trainer.js';
import { bodiesAt, candidateDesigns } from '../branches/candidates.js';
import { exitCostsOf, lastPays, noBranchPays } from '../branches/paying-branches.js';
import { type Placement, placeBranches } from '../branches/placement.js';
import type { BackboneProfile, CutPoint } from '../onnx/profile.js';

/** Of activations that branches are made for. */
const maxRank = 3;

export interface DesignOptions {
  /** How many, at most; 0: none. */
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

export interface DesignedBranches {
  /** Whether the designs are candidates to choose from. */
  choose: boolean;
  designs: BranchDesign[];
  /** What was asked for and is not there, for the user. */
  remarks: string[];
}

/**
 * Where branches go, and what they are made of; for the placement `auto`, those to choose from. No branch costs more than
 * the rest of the backbone.
 * @throws OfframpError `MODEL_UNSUPPORTED` without cut points; `CONFIG_INVALID` for names of no cut point;
 *   `NO_BRANCH_PAYS`
 */
export function designBranches(backbone: BackboneProfile, options: DesignOptions): DesignedBranches {
  const { cutPoints, placement, bodies, branches } = options;
  if (cutPoints) return fixedDesigns(backbone, namedCutPoints(backbone, cutPoints), options, []);
  if (branches === 0) return { choose: false, designs: [], remarks: [] };
  const places = distinctCutPoints(backbone.cutPoints.filter(({ shape }) => shape.length <= maxRank));
  if (placement === 'auto') {
    // Throws for a model without cut points.
    placeBranches('fine', 1, shares(places, backbone));
    const pays = (design: BranchDesign) => lastPays(backbone, [design]);
    const designs = candidateDesigns(places, backbone.macs, bodies, pays);
    if (designs.length === 0) throw noBranchPays(backbone, cheapestOf(backbone, places, bodies));
    return { choose: true, designs, remarks: [] };
  }
  const chosen = placeBranches(placement, branches, shares(places, backbone)).map(
    (i) => places[i] as CutPoint,
  );
  const fewer = `${chosen.length} of ${branches} branches have a place: the model has no more cut points of different cost`;
  return fixedDesigns(backbone, chosen, options, chosen.length < branches ? [fewer] : []);
}

/** Lets each branch but the first reuse what the one before answered. */
export function withReuse(designs: readonly BranchDesign[], reuse: Reuse): BranchDesign[] {
  return designs.map((design, i) => ({ ...design, reuse: i > 0 ? reuse : 'none' }));
}

/** At each cut point the first body with which a sample that leaves there costs less than the whole backbone. */
function fixedDesigns(
  backbone: BackboneProfile,
  cutPoints: readonly CutPoint[],
  { bodies, reuse }: DesignOptions,
  remarks: readonly string[],
): DesignedBranches {
  let designs: BranchDesign[] = [];
  const left: string[] = [];
  for (const cutPoint of cutPoints) {
    const longer = bodiesAt(cutPoint, bodies).map((body) =>
      withReuse([...designs, { cutPoint, body, reuse: 'none' }], reuse),
    );
    const paying = longer.find((candidate) => lastPays(backbone, candidate));
    if (paying) designs = paying;
    else {
      const cost = Math.min(...longer.map((candidate) => exitCostsOf(backbone, candidate).at(-1) ?? 0));
      left.push(`at ${cutPoint.tensor} would cost ${percent(cost)} of the backbone`);
    }
  }
  if (designs.length === 0) {
    throw noBranchPays(backbone, `a sample that leaves ${left.join(', ')}`);
  }
  const leftOut = left.map((what) => `a branch is left out: a sample that leaves ${what}`);
  return { choose: false, designs, remarks: [...remarks, ...leftOut] };
}

/** The cheapest exit, for a message. */
function cheapestOf(
  backbone: BackboneProfile,
  places: readonly CutPoint[],
  bodies: readonly BranchBody[],
): string {
  const costs = places
    .filter(({ cumulativeMacs }) => cumulativeMacs < backbone.macs)
    .flatMap((cutPoint) =>
      bodiesAt(cutPoint, bodies).map((body) => ({ cutPoint, body, reuse: 'none' as const })),
    )
    .map((design) => ({ design, cost: exitCostsOf(backbone, [design])[0] ?? 1 }));
  const { design, cost } = costs.reduce((a, b) => (b.cost < a.cost ? b : a));
  return `the cheapest exit, ${design.body.kind} at ${design.cutPoint.tensor}, costs ${percent(cost)} of the backbone`;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function shares(cutPoints: readonly CutPoint[], { macs }: BackboneProfile): number[] {
  return cutPoints.map(({ cumulativeMacs }) => cumulativeMacs / macs);
}

/** @throws OfframpError `CONFIG_INVALID` for a name that is no cut point's, or is named twice */
function namedCutPoints(backbone: BackboneProfile, names: readonly string[]): CutPoint[] {
  const unknown = names.find((name, i) => {
    const known = backbone.cutPoints.some(({ tensor, shape }) => tensor === name && shape.length <= maxRank);
    return !known || names.indexOf(name) !== i;
  });
  if (unknown !== undefined) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `--cut-points: expected different cut points of the model, of 1 to ${maxRank} dimensions; found ${unknown}`,
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
