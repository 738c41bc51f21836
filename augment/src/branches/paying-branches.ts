import { OfframpError } from '@offramp/runtime';
import { buildBranches } from './branch-graph.js';
import type { BranchDesign, TrainingTask } from './branch-trainer.js';

/** Where branches are judged: the backbone, whose cost they are to lower. */
export type JudgedBackbone = TrainingTask['backbone'];

/**
 * Cost of a sample that leaves at each branch, as a share of the backbone's, the branches before it included.
 * @param designs in the order of their cut points
 */
export function exitCostsOf(backbone: JudgedBackbone, designs: readonly BranchDesign[]): number[] {
  return buildBranches({ backbone, designs }, { batch: 1, connection: 'input' }).parts.map(
    ({ cost }) => cost,
  );
}

/** Whether a sample that leaves at the last of the branches costs less than one that the whole backbone answers. */
export function lastPays(backbone: JudgedBackbone, designs: readonly BranchDesign[]): boolean {
  return (exitCostsOf(backbone, designs).at(-1) ?? 1) < 1;
}

/** @param because what the best choice comes to */
export function noBranchPays({ model }: JudgedBackbone, because: string): OfframpError {
  return new OfframpError('NO_BRANCH_PAYS', `${model.where}: no branch pays: ${because}`, {
    hint: '`--branches 0` writes a bundle of the whole model, without branches. Branches pay on larger models, with cheaper bodies (--body pool), or at a lower --agreement.',
  });
}
