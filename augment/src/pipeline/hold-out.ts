import type { Dataset } from '@offramp/data';
import { OfframpError } from '@offramp/runtime';

export interface HoldOutSplit {
  training: number[];
  heldOut: number[];
}

/**
 * Keeps the last pictures of a data set from training; where the data set is sorted by class, the last
 * ones of each class.
 * @param holdOut a share below 1, or a number of pictures
 * @throws OfframpError `CONFIG_INVALID` when nothing would be left on one side
 */
export function splitHoldOut(dataset: Dataset, holdOut: number): HoldOutSplit {
  const share = holdOut < 1 ? holdOut : holdOut / dataset.size;
  const all = Array.from({ length: dataset.size }, (_, i) => i);
  const groups = isSortedByClass(dataset) ? runsOfEqual(all, (i) => dataset.labelAt(i)) : [all];
  const split: HoldOutSplit = { training: [], heldOut: [] };
  for (const group of groups) {
    const kept = group.length - Math.round(share * group.length);
    // One by one: the arguments of a call must fit on the stack.
    group.forEach((index, i) => {
      (i < kept ? split.training : split.heldOut).push(index);
    });
  }
  if (split.training.length === 0 || split.heldOut.length === 0) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `--hold-out: expected a share or number that leaves samples on both sides of ${dataset.size}; found ${holdOut}`,
    );
  }
  return split;
}

function isSortedByClass(dataset: Dataset): boolean {
  if (!dataset.labelled) return false;
  let last = -1;
  for (let i = 0; i < dataset.size; i++) {
    const label = dataset.labelAt(i) ?? -1;
    if (label < last) return false;
    last = label;
  }
  return true;
}

function runsOfEqual<T>(items: readonly T[], keyOf: (item: T) => unknown): T[][] {
  const runs: T[][] = [];
  for (const item of items) {
    const run = runs.at(-1);
    if (run && keyOf(run[0] as T) === keyOf(item)) run.push(item);
    else runs.push([item]);
  }
  return runs;
}
