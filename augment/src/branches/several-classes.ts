import { OfframpError } from '@offramp/shared';
import type { TrainingTask } from './branch-trainer.js';

/**
 * From pictures that the backbone gives one and the same answer for, branches would learn to always give it. Where
 * labels say that the pictures are of several classes, it is the backbone that does not tell them apart; it may.
 * @param answers the different ones that the backbone gave
 * @throws OfframpError `TRAINING_FAILED`
 */
export function expectSeveralClasses({ training, epochs }: TrainingTask, answers: ReadonlySet<number>): void {
  if (answers.size !== 1 || training.labelled || epochs === 0) return;
  const [only] = answers;
  throw new OfframpError(
    'TRAINING_FAILED',
    `the backbone gives the same answer for all training pictures, class ${only}; expected two classes at least`,
    {
      hint: 'Check the preprocessing: size, mean and std must be those the model was trained with. Else give other pictures.',
    },
  );
}
