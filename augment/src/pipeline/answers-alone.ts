import { openBackbone } from '../branches/backbone-runner.js';
import type { TrainingResult, TrainingTask } from '../branches/branch-trainer.js';
import { throwIfInterrupted } from '../support/interruption.js';

/** What a training without branches leaves: the backbone's own answers to the held-out pictures. */
export async function answersAlone({
  backbone,
  memory,
  heldOut,
  input,
  progress,
  signal,
}: TrainingTask): Promise<TrainingResult> {
  const runner = await openBackbone(backbone, memory.backboneBatch, [], () => []);
  const heldOutLabels = new Uint16Array(heldOut.size);
  progress.step('running the backbone on held-out samples', heldOut.size);
  try {
    for await (const { labels, start } of runner.over(heldOut, input)) {
      heldOutLabels.set(labels, start);
      progress.advance(labels.length);
      throwIfInterrupted(signal);
    }
  } finally {
    await runner.close();
  }
  return { branches: [], heldOutLabels };
}
