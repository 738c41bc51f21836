import type { Recipe } from '../effort/recipe.js';
import { readCheckpointFile, type TrainingFacts } from './checkpoint-file.js';

const key = 'recipe (--minutes)';

/** A recipe that was fitted into a time, for the checkpoint. */
export function recipeFacts(recipe: Recipe): TrainingFacts {
  return { [key]: JSON.stringify(recipe) };
}

/**
 * The recipe that the training to resume was fitted to: the same time would give another one now.
 * @returns `null` if it was not fitted into a time
 * @throws OfframpError `FILE_NOT_FOUND`, `CHECKPOINT_INVALID`
 */
export async function readRecipe(path: string): Promise<Recipe | null> {
  const { facts } = await readCheckpointFile(path);
  return facts[key] === undefined ? null : (JSON.parse(String(facts[key])) as Recipe);
}
