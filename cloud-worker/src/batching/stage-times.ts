/** Weight of the newest batch. */
const newestWeight = 0.1;

/** Time of a sample at each stage, from batches that ran. */
export class StageTimes {
  private readonly sampleMs: (number | null)[];

  constructor(stages: number) {
    this.sampleMs = new Array<number | null>(stages).fill(null);
  }

  onBatch(stage: number, samples: number, computeMs: number): void {
    const found = computeMs / samples;
    const before = this.sampleMs[stage] ?? found;
    this.sampleMs[stage] = before + (found - before) * newestWeight;
  }

  /** Milliseconds of a sample in a batch from this stage to the last one, over measured stages; 0 at first. */
  toEndMs(stage: number): number {
    let sum = 0;
    for (let k = stage; k < this.sampleMs.length; k++) sum += this.sampleMs[k] ?? 0;
    return sum;
  }
}
