import { readCheckpointFile } from './checkpoint-file.js';
import { refuseOther } from './training-checkpoint.js';

/**
 * The branches that the training to resume chose, so that there is no second trial.
 * @param placement the options that the choice depends on
 * @returns indices into the candidates; `null` if the run was stopped during the trial
 * @throws OfframpError `FILE_NOT_FOUND`, `CHECKPOINT_INVALID`; `CONFIG_INVALID` if it chose with other options
 */
export async function readChoice(path: string, placement: string): Promise<number[] | null> {
  const { facts } = await readCheckpointFile(path);
  refuseOther(path, { placement: facts.placement ?? 'not auto' }, { placement });
  return facts.chosen === undefined ? null : String(facts.chosen).split(' ').map(Number);
}
