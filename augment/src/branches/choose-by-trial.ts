import { subsetOf } from '@offramp/data';
import { calibrationTable } from '../calibrate/calibration-table.js';
import { seededPermutation } from '../support/random.js';
import type { BranchDesign, BranchTrainer, ProgressListener, TrainingTask } from './branch-trainer.js';
import { type ChoiceGoal, chooseBranches, leastWorth } from './choose-branches.js';
import { noBranchPays } from './paying-branches.js';

/** Maximum number of training pictures of a trial, and epochs. */
export const trialPictures = 12_800;
export const trialEpochs = 2;
/** Held-out pictures that judge a trial: this share, up to this number. */
const judgedShare = 0.2;
const mostJudged = 2_000;

/**
 * Splits the held-out pictures into those that judge a trial and the rest. Only the rest may calibrate thresholds, because
 * it did not influence the choice of branches.
 */
export function splitForTrial(size: number): { judged: number[]; rest: number[] } {
  const every = judgedEvery(size);
  const split = { judged: [] as number[], rest: [] as number[] };
  for (let i = 0; i < size; i++) split[i % every === 0 ? 'judged' : 'rest'].push(i);
  return split;
}

const judgedEvery = (size: number) => Math.max(Math.round(1 / judgedShare), Math.ceil(size / mostJudged));

/** How many pictures to hold out so that {@link splitForTrial} leaves `rest`. */
export function heldOutBeforeTrial(rest: number): number {
  let size = rest;
  while (size - Math.ceil(size / judgedEvery(size)) < rest) size++;
  return size;
}

/**
 * Trains all candidates for a while, independently in parallel, and chooses among them.
 * @param task like the final training's; its designs are the candidates, its held-out pictures judge them
 * @param most training pictures to use
 * @returns indices into the designs, rising; at least one
 * @throws OfframpError `NO_BRANCH_PAYS`
 */
export async function chooseByTrial(
  task: TrainingTask,
  trainer: BranchTrainer,
  goal: ChoiceGoal,
  most: number,
): Promise<number[]> {
  const { backbone, designs, training, seed } = task;
  const pictures = [...seededPermutation(training.size, seed)].slice(0, most).sort((a, b) => a - b);
  const trained = await trainer({
    ...task,
    training: subsetOf(training, pictures),
    targets: task.targets ? pictures.map((i) => task.targets?.[i] as number) : null,
    epochs: Math.min(trialEpochs, task.epochs),
    picturesPerEpoch: pictures.length,
    progress: trialProgress(task.progress),
  });
  const candidates = designs.map(({ cutPoint }, i) => ({
    cumulativeMacs: cutPoint.cumulativeMacs,
    macs: trained.branches[i]?.macs ?? 0,
  }));
  const choice = chooseBranches(calibrationTable(trained, null), candidates, backbone.macs, goal);
  if (choice.pays) return choice.chosen;
  const best = choice.chosen.map((i) => designs[i]).filter((design) => design !== undefined);
  throw noBranchPays(backbone, whatTheBestComesTo(task, best, choice.cost, goal));
}

function whatTheBestComesTo(
  { designs, heldOut }: TrainingTask,
  best: readonly BranchDesign[],
  cost: number,
  { agreement }: ChoiceGoal,
): string {
  if (best.length === 0) return `each of the ${designs.length} tried costs more than it can save`;
  const places = best.map(({ cutPoint, body }) => `${body.kind} at ${cutPoint.tensor}`).join(', ');
  return (
    `of ${designs.length} tried on ${heldOut.size} held-out samples, the best choice, ${places}, comes to ` +
    `${percent(cost)} of the backbone's cost around agreement ${agreement}; expected at most ${percent(1 - leastWorth)}`
  );
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function trialProgress(progress: ProgressListener): ProgressListener {
  return {
    step: (title, total, done) => progress.step(`trial: ${title}`, total, done),
    advance: (by, note) => progress.advance(by, note),
  };
}
