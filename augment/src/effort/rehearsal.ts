import { type Dataset, subsetOf } from '@offramp/data';
import type { BranchTrainer, ProgressListener, TrainingTask } from '../branches/branch-trainer.js';

/** Training pictures of a rehearsal, and held-out ones. */
const rehearsed = { training: 128, heldOut: 32 } as const;

/** Milliseconds per picture. */
export interface Rates {
  /** Of a training picture, each time that it is trained on. */
  pass: number;
  /** Of a training picture, whatever the number of epochs. */
  once: number;
  /** Of a held-out picture. */
  heldOut: number;
}

/** Trains on a few pictures and forgets the result: tells how long a training takes here. */
export async function rehearse(task: TrainingTask, trainer: BranchTrainer): Promise<Rates> {
  const pictures = Math.max(1, Math.min(rehearsed.training, Math.floor(task.training.size / 2)));
  const chosen = spread(task.training.size, pictures);
  const stopwatch = new Stopwatch();
  const { checkpoint: _, ...plan } = task;
  await trainer({
    ...plan,
    training: subsetOf(task.training, chosen),
    targets: task.targets ? chosen.map((i) => task.targets?.[i] as number) : null,
    heldOut: subsetOf(task.heldOut, spread(task.heldOut.size, rehearsed.heldOut)),
    picturesPerEpoch: pictures,
    epochs: 1,
    isRehearsal: true,
    progress: stopwatch,
  });
  return stopwatch.rates(pictures);
}

/** Numbers of samples, evenly spread: a data set can be sorted by class. */
function spread(size: Dataset['size'], count: number): number[] {
  const chosen = Math.min(size, count);
  return Array.from({ length: chosen }, (_, i) => Math.floor((i * size) / chosen));
}

interface TimedStep {
  title: string;
  total: number;
  /** When the step began, and after each part of it. */
  marks: { done: number; ms: number }[];
}

/** Tells the times of a training's steps apart by their titles, as trainers give them. */
class Stopwatch implements ProgressListener {
  private readonly steps: TimedStep[] = [];

  step(title: string, total: number): void {
    this.steps.push({ title, total, marks: [{ done: 0, ms: performance.now() }] });
  }

  advance(by: number): void {
    const marks = this.steps.at(-1)?.marks;
    marks?.push({ done: (marks.at(-1)?.done ?? 0) + by, ms: performance.now() });
  }

  /** @param pictures of the only epoch */
  rates(pictures: number): Rates {
    const rates = { pass: 0, once: 0, heldOut: 0 };
    for (const step of this.steps) {
      const { title, total } = step;
      if (title.startsWith('training ')) rates.pass += (msPerUnit(step) * total) / pictures;
      else if (title.includes('held-out')) rates.heldOut += msPerUnit(step);
      else if (title.startsWith('running ')) rates.once += msPerUnit(step);
    }
    return rates;
  }
}

/** The first unit also prepares the others, so it counts only where there is no other. */
function msPerUnit({ marks }: TimedStep): number {
  const [begin, first] = marks;
  const last = marks.at(-1);
  if (!begin || !first || !last) return 0;
  const from = last === first ? begin : first;
  return (last.ms - from.ms) / Math.max(1, last.done - from.done);
}
