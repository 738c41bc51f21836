/** What of a manifest costs follow from. */
export interface CostModel {
  backbone: { readonly macs: number };
  stages: readonly { readonly segmentMacs: number; readonly branch: { readonly macs: number } | null }[];
}

/** Multiply-accumulates that stage `stage` executes for one sample: its segment and its branch. */
export function stageMacs(manifest: CostModel, stage: number): number {
  const found = manifest.stages[stage];
  return found ? found.segmentMacs + (found.branch?.macs ?? 0) : 0;
}

/** Multiply-accumulates of one sample that leaves at each exit, all branches it passed included. */
export function exitMacs(manifest: CostModel): number[] {
  let sum = 0;
  return manifest.stages.map((_, stage) => {
    sum += stageMacs(manifest, stage);
    return sum;
  });
}

/** {@link exitMacs} over the whole backbone's; the last is above 1, by what the branches cost. */
export function exitCosts(manifest: CostModel): number[] {
  return exitMacs(manifest).map((macs) => macs / manifest.backbone.macs);
}
