/** Weight of the newest batch. */
const newestWeight = 0.1;

/** What a sample costs at each stage, learnt from the batches that ran. */
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

  /** Milliseconds that a sample takes from this stage to the last one, in a batch, as far as is known; 0 at first. */
  toEndMs(stage: number): number {
    let sum = 0;
    for (let k = stage; k < this.sampleMs.length; k++) sum += this.sampleMs[k] ?? 0;
    return sum;
  }
}
