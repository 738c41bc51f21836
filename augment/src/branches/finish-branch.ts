import { argMax, type BranchManifest } from '@offramp/bundle';
import type { GraphEditor } from '../onnx/graph-editor.js';
import { throwIfInterrupted } from '../support/interruption.js';
import { type Matrix, rowOf } from '../training/matrix.js';
import type { BranchDesign, TrainedBranch, TrainingTask } from './branch-trainer.js';
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
  /** Its probabilities for the held-out pictures, rows × classes. */
  heldOut: Matrix;
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
  for (const [i, branch] of branches.entries()) {
    const reuse = branch.design.reuse !== 'none';
    const previous = reuse ? (branches[i - 1]?.heldOut ?? null) : null;
    const label = Uint16Array.from({ length: branch.heldOut.rows }, (_, row) =>
      argMax(rowOf(branch.heldOut, row)),
    );
    const agrees = label.map((answer, row) => (answer === heldOutLabels[row] ? 1 : 0));
    const onFold = () => {
      throwIfInterrupted(task.signal);
      task.progress.advance(1);
    };
    const fitted = branch.scores
      ? await calibrateScores(branch.scores, agrees, task.seed, onFold)
      : await fitConfidence(task.criterion, branch.heldOut, previous, agrees, task.seed, onFold);
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
