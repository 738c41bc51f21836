import { type BundleContents, stageTensors } from '@offramp/shared';
import type { TrainedBranch } from './branches/branch-trainer.js';
import { addFinalExit } from './branches/heads.js';
import { extractSegment } from './onnx/extract-segment.js';
import { GraphEditor } from './onnx/graph-editor.js';
import type { BackboneProfile, CutPoint } from './onnx/profile.js';
import { writeModel } from './onnx/write-model.js';

/** A branch and the cut point it belongs to. */
export interface PlacedBranch {
  cutPoint: CutPoint;
  branch: TrainedBranch;
}

/**
 * Cuts the backbone at its branches: each stage is a segment together with the branch at its end, the last
 * one ends in the backbone's own classifier.
 */
export function buildStages(
  backbone: BackboneProfile,
  placed: readonly PlacedBranch[],
): BundleContents['stages'] {
  const start = {
    tensor: null,
    shape: backbone.input.shape,
    cumulativeMacs: 0,
    cumulativeParameters: 0,
  };
  const ends = [...placed.map(({ cutPoint }) => cutPoint), null];
  return ends.map((end, i) => {
    const from = placed[i - 1]?.cutPoint ?? start;
    const branch = placed[i]?.branch ?? null;
    return {
      model: stageModel(backbone, from.tensor, end?.tensor ?? null, branch),
      inputShape: [...from.shape],
      activationShape: end ? [...end.shape] : null,
      segmentMacs: (end?.cumulativeMacs ?? backbone.macs) - from.cumulativeMacs,
      segmentParameters: (end?.cumulativeParameters ?? backbone.parameters) - from.cumulativeParameters,
      branch:
        end && branch
          ? { cutPoint: end.tensor, body: branch.body, macs: branch.macs, parameters: branch.parameters }
          : null,
    };
  });
}

function stageModel(
  backbone: BackboneProfile,
  from: string | null,
  to: string | null,
  branch: TrainedBranch | null,
): Uint8Array {
  const { input, activation, probabilities, confidence } = stageTensors;
  const output = branch ? activation : 'backbone_output';
  const proto = extractSegment(backbone, from, to, { input, output, reserved: [probabilities, confidence] });
  const editor = new GraphEditor(proto);
  if (branch) {
    branch.attach(editor, activation, { probabilities, confidence });
  } else {
    editor.graph.output = [];
    addFinalExit(editor, output, backbone.output.kind, { probabilities, confidence });
  }
  editor.addOutput(probabilities, [backbone.output.classes]);
  editor.addOutput(confidence, []);
  return writeModel(proto);
}
