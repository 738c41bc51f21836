import { OfframpError } from '@offramp/runtime';
import type { TrainingTask } from './branch-trainer.js';

/**
 * If the backbone gives the same answer for all pictures, branches would learn to always give it. This is accepted if
 * labels show several classes, because then the backbone does not distinguish them.
 * @param answers the backbone's distinct answers
 * @throws OfframpError `TRAINING_FAILED`
 */
export function expectSeveralClasses(
  { training, epochs, isRehearsal }: TrainingTask,
  answers: ReadonlySet<number>,
): void {
  if (answers.size !== 1 || training.labelled || epochs === 0 || isRehearsal) return;
  const [only] = answers;
  throw new OfframpError(
    'TRAINING_FAILED',
    `the backbone gives the same answer for all training samples, class ${only}; expected at least two classes`,
    {
      hint: 'Check the preprocessing: size, mean and std must be those the model was trained with. Else give other samples.',
    },
  );
}
