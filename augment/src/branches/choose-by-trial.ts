import { subsetOf } from '@offramp/shared';
import { calibrationTable } from '../calibrate/calibration-table.js';
import { seededPermutation } from '../random.js';
import type { BranchTrainer, ProgressListener, TrainingTask } from './branch-trainer.js';
import { type ChoiceGoal, chooseBranches } from './choose-branches.js';

/** Training pictures that a trial sees, at most, and how often. */
const trialPictures = 12_800;
const trialEpochs = 2;
/** Held-out pictures that a trial is judged by: this share, but no more than so many. */
const judgedShare = 0.2;
const mostJudged = 2_000;

/**
 * Takes from the held-out pictures those that a trial is judged by. The rest must not have had a say in the choice of
 * branches: only then do thresholds chosen on it hold as promised.
 */
export function splitForTrial(size: number): { judged: number[]; rest: number[] } {
  const every = Math.max(Math.round(1 / judgedShare), Math.ceil(size / mostJudged));
  const split = { judged: [] as number[], rest: [] as number[] };
  for (let i = 0; i < size; i++) split[i % every === 0 ? 'judged' : 'rest'].push(i);
  return split;
}

/**
 * Trains all candidates for a while, side by side and unaware of each other, and chooses among them.
 * @param task as for the training that follows; its designs are the candidates, its held-out pictures judge them
 * @returns indices into the designs, rising; at least one
 */
export async function chooseByTrial(
  task: TrainingTask,
  trainer: BranchTrainer,
  goal: ChoiceGoal,
): Promise<number[]> {
  const { backbone, designs, training, seed } = task;
  const pictures = [...seededPermutation(training.size, seed)].slice(0, trialPictures).sort((a, b) => a - b);
  const trained = await trainer({
    ...task,
    training: subsetOf(training, pictures),
    targets: task.targets ? pictures.map((i) => task.targets?.[i] as number) : null,
    epochs: Math.min(trialEpochs, task.epochs),
    progress: trialProgress(task.progress),
  });
  const candidates = designs.map(({ cutPoint }, i) => ({
    cumulativeMacs: cutPoint.cumulativeMacs,
    macs: trained.branches[i]?.macs ?? 0,
  }));
  return chooseBranches(calibrationTable(trained, null), candidates, backbone.macs, goal);
}

function trialProgress(progress: ProgressListener): ProgressListener {
  return {
    step: (title, total, done) => progress.step(`trial: ${title}`, total, done),
    advance: (by, note) => progress.advance(by, note),
  };
}
