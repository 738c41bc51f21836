import type { BranchDesign, TrainingTask } from '../branches/branch-trainer.js';
import { trialEpochs, trialPictures } from '../branches/choose-by-trial.js';
import { codecRuns } from '../calibrate/codec-runs.js';
import { readRecipe } from '../checkpoint/read-recipe.js';
import { checkpointPathOf } from '../checkpoint/training-checkpoint.js';
import { estimateTime, fitRecipe, type Recipe, type Workload } from '../effort/recipe.js';
import { rehearse } from '../effort/rehearsal.js';
import type { AugmentOptions } from './augment-options.js';
import { checkedPictures } from './check-bundle.js';
import { withReuse } from './design-branches.js';

/**
 * How much work to do. With `minutes`, or with `onEstimate` and a long training, trains on a few pictures, to tell how long all of
 * it takes. A resumed training keeps its recipe.
 * @param task its designs are the candidates of a trial, if there is one
 * @param judged held-out pictures that judge the trial; `null` without one
 * @throws OfframpError `CONFIG_INVALID` for too few minutes
 */
export async function planEffort(
  task: TrainingTask,
  judged: TrainingTask['heldOut'] | null,
  out: string,
  options: AugmentOptions,
): Promise<Recipe> {
  const { minutes, checkpoint, onEstimate } = options;
  const full: Recipe = {
    trialPictures: judged ? Math.min(trialPictures, task.training.size) : 0,
    epochs: task.epochs,
    picturesPerEpoch: task.training.size,
    codecPictures: codecPicturesFor(task),
  };
  if (checkpoint?.resume) return (minutes && (await readRecipe(checkpointPathOf(out)))) || full;
  const isWorthwhile = minutes !== undefined || (onEstimate && isLong(task, full));
  if (task.designs.length === 0 || task.epochs === 0 || !isWorthwhile) return full;

  const started = performance.now();
  task.progress.step('rehearsing', judged ? 2 : 1);
  const rehearsal = async (designs: readonly BranchDesign[], trainer = options.trainer) => {
    const rates = await rehearse({ ...task, designs }, trainer);
    task.progress.advance(1);
    return rates;
  };
  const trial = judged && {
    epochs: Math.min(trialEpochs, task.epochs),
    judged: judged.size,
    rates: await rehearsal(task.designs, options.trialTrainer),
  };
  const likely = judged
    ? withReuse(likelyChoice(task.designs, options.branches), options.reuse)
    : task.designs;
  const work: Workload = {
    trial,
    training: await rehearsal(likely),
    heldOut: task.heldOut.size,
    checked: Math.min(checkedPictures, task.heldOut.size),
    codecRuns: (pictures) => codecRuns(pictures, likely.length),
  };
  const rehearsalMs = performance.now() - started;
  const recipe = minutes ? fitRecipe(full, work, minutes * 60_000 - rehearsalMs) : full;
  onEstimate?.({
    recipe,
    isShortened: recipe !== full,
    time: estimateTime(recipe, work),
    memory: task.memory,
    leavesOutCodec: options.codec !== 'quantised',
    rehearsalMs,
  });
  return recipe;
}

/** Multiply-accumulates of a training that takes a minute or two on two cores; a shorter one needs no rehearsal. */
const longMacs = 1e12;

function isLong({ backbone }: TrainingTask, { trialPictures, epochs, picturesPerEpoch }: Recipe): boolean {
  return backbone.macs * (trialEpochs * trialPictures + epochs * picturesPerEpoch) >= longMacs;
}

/** Fewest pictures that codecs are chosen on, where there are as many. */
const fewestForCodecs = 1_000;

/** Bounds the time for the codecs by that of the training: a picture takes about ten times as long as one of an epoch. */
function codecPicturesFor({ training, epochs, heldOut }: TrainingTask): number {
  return Math.min(heldOut.size, Math.max(fewestForCodecs, Math.floor((training.size * epochs) / 10)));
}

/** Designs such as a trial chooses: as many as it may, at cut points that are spread evenly. */
function likelyChoice(candidates: readonly BranchDesign[], most: number): BranchDesign[] {
  const places = [...new Map(candidates.toReversed().map((design) => [design.cutPoint, design])).values()];
  const ordered = places.reverse();
  const count = Math.min(most, ordered.length);
  return Array.from(
    { length: count },
    (_, i) => ordered[Math.floor((i * ordered.length) / count)] as BranchDesign,
  );
}
