import { systemClock } from '@offramp/runtime';
import type { BranchDesign, TrainingTask } from '../branches/branch-trainer.js';
import { chooseByTrial } from '../branches/choose-by-trial.js';
import type { TrainingFacts } from '../checkpoint/checkpoint-file.js';
import { readChoice } from '../checkpoint/read-choice.js';
import { checkpointPathOf, TrainingCheckpoint } from '../checkpoint/training-checkpoint.js';
import { trainingFacts } from '../checkpoint/training-facts.js';
import type { AugmentOptions } from './augment-options.js';
import { withReuse } from './design-branches.js';

export interface ChosenDesigns {
  designs: BranchDesign[];
  facts: TrainingFacts;
  /** Whether a trial of this run chose them: then no checkpoint of their training exists. */
  isNew: boolean;
}

/** Chooses among the task's designs by a trial; a resumed training keeps its choice. */
export async function chooseDesigns(
  task: TrainingTask,
  backboneSha256: string,
  out: string,
  { trialPictures, facts: own }: { trialPictures: number; facts: TrainingFacts },
  options: AugmentOptions,
): Promise<ChosenDesigns> {
  const { agreement, branches: most, reuse, bodies } = options;
  const kinds = bodies
    .map(({ kind, grid, reduce }) => `${kind} (${grid}×${grid}, reduce ${reduce})`)
    .join(', ');
  const placement = `auto: at most ${most} for agreement ${agreement} of ${kinds}, judged on ${task.heldOut.size} samples`;
  const path = checkpointPathOf(out);
  const known = options.checkpoint?.resume ? await readChoice(path, placement) : null;
  const trial = (checkpoint?: TrainingCheckpoint) =>
    chooseByTrial(
      checkpoint ? { ...task, checkpoint } : task,
      options.trialTrainer ?? options.trainer,
      { agreement, most },
      trialPictures,
    );
  const tried = () => {
    if (!options.checkpoint) return trial();
    const facts = { ...trainingFacts(task, backboneSha256), ...own, placement };
    const checkpoint = new TrainingCheckpoint(path, facts, options.checkpoint, systemClock);
    return checkpoint.protect(() => trial(checkpoint));
  };
  const chosen = known ?? (await tried());
  const designs = chosen.map((i) => task.designs[i]).filter((design) => design !== undefined);
  return {
    designs: withReuse(designs, reuse),
    facts: { placement, chosen: chosen.join(' ') },
    isNew: known === null,
  };
}
