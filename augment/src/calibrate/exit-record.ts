import { argMax, brokenExitError, type InferencePool, type PooledStageOutput } from '@offramp/bundle';

/** Confidences and answers of some exits. */
export class ExitRecord {
  private readonly confidences: Float32Array[];
  private readonly labels: Uint16Array[];
  readonly bytes: Float64Array;

  /** @param end the first exit that it is not about */
  constructor(
    samples: number,
    readonly first: number,
    readonly end: number,
  ) {
    this.confidences = Array.from({ length: end - first }, () => new Float32Array(samples));
    this.labels = this.confidences.map(() => new Uint16Array(samples));
    this.bytes = new Float64Array(samples);
  }

  /**
   * Runs the stages of the exits.
   * @param input of the first of them, handed over
   * @returns the last one's activation
   */
  async run(pool: InferencePool, indices: readonly number[], input: Float32Array): Promise<Float32Array> {
    const batch = indices.length;
    let activation = input;
    for (let stage = this.first; stage < this.end; stage++) {
      const output: PooledStageOutput = await pool.run(stage, activation, batch);
      const { probabilities, confidence } = output;
      if (!confidence.every(Number.isFinite)) throw brokenExitError(stage);
      const classes = probabilities.length / batch;
      indices.forEach((index, row) => {
        const answer = argMax(probabilities.subarray(row * classes, (row + 1) * classes));
        this.set(stage, index, confidence[row] as number, answer);
      });
      if (output.activation) activation = output.activation.slice();
      output.release();
    }
    return activation;
  }

  copy(other: ExitRecord, indices: readonly number[]): void {
    for (let exit = this.first; exit < this.end; exit++) {
      for (const index of indices) {
        this.set(exit, index, other.confidenceAt(exit, index), other.labelAt(exit, index));
      }
    }
  }

  labelAt(exit: number, index: number): number {
    return this.labels[exit - this.first]?.[index] as number;
  }

  confidenceAt(exit: number, index: number): number {
    return this.confidences[exit - this.first]?.[index] as number;
  }

  private set(exit: number, index: number, confidence: number, label: number): void {
    (this.confidences[exit - this.first] as Float32Array)[index] = confidence;
    (this.labels[exit - this.first] as Uint16Array)[index] = label;
  }
}
