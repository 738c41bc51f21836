import type { BranchManifest } from '@offramp/bundle';
import type { GraphEditor } from '../onnx/graph-editor.js';
import { throwIfInterrupted } from '../support/interruption.js';
import type { BranchDesign, TrainedBranch, TrainingTask } from './branch-trainer.js';
import type { ExitAnswers } from './exit-answers.js';
import { calibrateScores, confidenceFolds, fitConfidence } from './fit-confidence.js';
import { addExit, confidenceWeights } from './heads.js';

/** A branch whose class head is trained. */
export interface ClassTrainedBranch {
  design: BranchDesign;
  body: BranchManifest['body'];
  /** MACs of body and class head. */
  macs: number;
  parameters: number;
  /** @returns the names of its logits, batch × classes, and of its joint confidence score, batch × 1, if it has one */
  addLogits(
    editor: GraphEditor,
    tensor: string,
    previous: string | null,
  ): { logits: string; score: string | null };
  /** For the held-out pictures. */
  heldOut: ExitAnswers;
  /** Scores of the confidence head that was trained with the class head, for the held-out pictures. */
  scores: Float32Array | null;
}

/** Fits the confidence heads on held-out pictures and prepares the branches for attaching. */
export async function finishBranches(
  task: TrainingTask,
  branches: readonly ClassTrainedBranch[],
  heldOutLabels: Uint16Array,
): Promise<TrainedBranch[]> {
  const { classes } = task.backbone.output;
  task.progress.step('fitting confidence heads', branches.length * (confidenceFolds + 1));
  const finished: TrainedBranch[] = [];
  for (const branch of branches) {
    const reuse = branch.design.reuse !== 'none';
    const { labels: label, features } = branch.heldOut;
    const agrees = label.map((answer, row) => (answer === heldOutLabels[row] ? 1 : 0));
    const onFold = () => {
      throwIfInterrupted(task.signal);
      task.progress.advance(1);
    };
    const fitted = branch.scores
      ? await calibrateScores(branch.scores, agrees, task.seed, onFold)
      : await fitConfidence(task.criterion, features, agrees, task.seed, onFold);
    const weights = confidenceWeights(fitted.head);
    finished.push({
      body: branch.body,
      reuse,
      criterion: task.criterion,
      macs: branch.macs + weights,
      parameters: branch.parameters + weights + (weights > 0 ? 1 : 0),
      attach(editor, tensor, before, outputs) {
        const inputs = branch.addLogits(editor, tensor, before);
        addExit(editor, { ...inputs, classes, previous: before }, fitted.head, outputs);
      },
      heldOut: { label, confidence: fitted.confidence },
    });
  }
  return finished;
}
