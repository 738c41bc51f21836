/** The parts of a manifest that determine costs. */
export interface CostModel {
  backbone: { readonly macs: number };
  stages: readonly {
    readonly segmentMacs: number;
    readonly branch: { readonly macs: number } | null;
    readonly learned?: { readonly encoderMacs: number; readonly decoderMacs: number } | undefined;
  }[];
  /** Stages that a device runs by default. Default: all. */
  deviceStages?: number;
}

/** Multiply-accumulates that stage `stage` executes for one sample: its segment and its branch. */
export function stageMacs(manifest: CostModel, stage: number): number {
  const found = manifest.stages[stage];
  return found ? found.segmentMacs + (found.branch?.macs ?? 0) : 0;
}

/** {@link stageMacs} of every stage, relative to the whole backbone. */
export function stageCosts(manifest: CostModel): number[] {
  return manifest.stages.map((_, stage) => stageMacs(manifest, stage) / manifest.backbone.macs);
}

/**
 * Multiply-accumulates of a sample that leaves at each exit, including all branches that it passed, and the learned codec of
 * the default boundary if it passes that.
 */
export function exitMacs(manifest: CostModel): number[] {
  let sum = 0;
  return manifest.stages.map((_, stage) => {
    sum += stageMacs(manifest, stage);
    const learned = stage === manifest.deviceStages ? manifest.stages[stage - 1]?.learned : undefined;
    if (learned) sum += learned.encoderMacs + learned.decoderMacs;
    return sum;
  });
}

/** {@link exitMacs} relative to the whole backbone; the last is above 1 by the cost of the branches. */
export function exitCosts(manifest: CostModel): number[] {
  return exitMacs(manifest).map((macs) => macs / manifest.backbone.macs);
}
