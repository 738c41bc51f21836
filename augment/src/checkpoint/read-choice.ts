import { readCheckpointFile } from './checkpoint-file.js';
import { refuseOther } from './training-checkpoint.js';

/**
 * Which branches the training chose that is to be gone on with: no second trial.
 * @param placement what the choice depends on now
 * @returns indices into the candidates; `null` where it was stopped in the trial
 * @throws OfframpError `FILE_NOT_FOUND`, `CHECKPOINT_INVALID`; `CONFIG_INVALID` where it chose in another way
 */
export async function readChoice(path: string, placement: string): Promise<number[] | null> {
  const { facts } = await readCheckpointFile(path);
  refuseOther(path, { placement: facts.placement ?? 'not auto' }, { placement });
  return facts.chosen === undefined ? null : String(facts.chosen).split(' ').map(Number);
}
