import { argMax } from '@offramp/bundle';

const momentum = 0.98;
/** If there are more exits, only the first and the last are shown. */
const maxExitsShown = 6;

/** An exponential average over about the last 50 values, without bias towards its start. */
export class RunningAverage {
  private sum = 0;
  private weight = 0;

  add(value: number): void {
    this.sum = momentum * this.sum + (1 - momentum) * value;
    this.weight = momentum * this.weight + (1 - momentum);
  }

  /** `NaN` before the first value. */
  get value(): number {
    return this.sum / this.weight;
  }
}

/** The progress of a training: its loss, and how often each exit agrees with the backbone. */
export class TrainingNote {
  private readonly loss = new RunningAverage();
  private readonly agreement: RunningAverage[];

  constructor(exits: number) {
    this.agreement = Array.from({ length: exits }, () => new RunningAverage());
  }

  /**
   * @param logits per exit, batch × classes
   * @param answers of the backbone, one per sample
   */
  add(loss: number, logits: readonly Float32Array[], answers: ArrayLike<number>): void {
    this.loss.add(loss);
    logits.forEach((scores, exit) => {
      this.agreement[exit]?.add(shareOfEqual(scores, answers));
    });
  }

  /** `loss 1.234 agree 61 70 82 %` */
  toString(): string {
    const percents = this.agreement.map(({ value }) => Math.round(100 * value));
    const shown = percents.length > maxExitsShown ? [percents[0], '…', percents.at(-1)] : percents;
    return `loss ${this.loss.value.toFixed(3)} agree ${shown.join(' ')} %`;
  }
}

function shareOfEqual(scores: Float32Array, answers: ArrayLike<number>): number {
  const classes = scores.length / answers.length;
  let equal = 0;
  for (let row = 0; row < answers.length; row++) {
    if (argMax(scores.subarray(row * classes, (row + 1) * classes)) === answers[row]) equal++;
  }
  return equal / answers.length;
}
