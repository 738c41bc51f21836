import { type ActivationQuantisation, type BundleContents, stageTensors } from '@offramp/bundle';
import type { TrainedBranch } from '../branches/branch-trainer.js';
import { addFinalExit } from '../branches/heads.js';
import { addCarried, type CarriedShape, carriedShape, splitCarried } from '../branches/reuse.js';
import { extractSegment } from '../onnx/extract-segment.js';
import { GraphEditor } from '../onnx/graph-editor.js';
import type { BackboneProfile, CutPoint } from '../onnx/profile.js';
import { codesOf } from '../onnx/stored-tensor.js';
import { batchOf } from '../onnx/value-info.js';
import { writeModel } from '../onnx/write-model.js';

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
  const classes = backbone.output.classes;
  /** Width of the exit's probabilities that a stage passes on beside its activation, for a next branch with reuse. */
  const carriedWidth = (i: number) => (placed[i + 1]?.branch.reuse ? classes : 0);
  return ends.map((end, i) => {
    const from = placed[i - 1]?.cutPoint ?? start;
    const branch = placed[i]?.branch ?? null;
    const input = { shape: from.shape, width: i === 0 ? 0 : carriedWidth(i - 1) };
    const activation = end ? { shape: end.shape, width: carriedWidth(i) } : null;
    return {
      model: stageModel(backbone, { from: from.tensor, to: end?.tensor ?? null, branch, input, activation }),
      inputShape: carriedShape(input),
      activationShape: activation ? carriedShape(activation) : null,
      ...quantisationAt(end),
      segmentMacs: (end?.cumulativeMacs ?? backbone.macs) - from.cumulativeMacs,
      segmentParameters: (end?.cumulativeParameters ?? backbone.parameters) - from.cumulativeParameters,
      branch:
        end && branch
          ? {
              cutPoint: end.tensor,
              body: branch.body,
              reuse: branch.reuse,
              criterion: branch.criterion,
              macs: branch.macs,
              parameters: branch.parameters,
            }
          : null,
    };
  });
}

function quantisationAt(end: CutPoint | null): { quantisation?: ActivationQuantisation } {
  const quantisation = end?.stored && codesOf(end.stored);
  return quantisation ? { quantisation } : {};
}

interface StagePlan {
  from: string | null;
  to: string | null;
  branch: TrainedBranch | null;
  input: CarriedShape;
  activation: CarriedShape | null;
}

function stageModel(backbone: BackboneProfile, plan: StagePlan): Uint8Array {
  const { input, activation, probabilities, confidence } = stageTensors;
  const carries = (shape: CarriedShape | null) => shape !== null && shape.width > 0;
  const names = {
    input: carries(plan.input) ? 'segment_input' : input,
    output: !plan.branch ? 'backbone_output' : carries(plan.activation) ? 'segment_output' : activation,
    reserved: [input, activation, probabilities, confidence],
  };
  const proto = extractSegment(backbone, plan.from, plan.to, names);
  const editor = new GraphEditor(proto);
  editor.graph.output = [];
  const previous = carries(plan.input) ? splitInput(editor, plan.input, names.input) : null;
  if (plan.branch && plan.activation) {
    plan.branch.attach(editor, names.output, previous, { probabilities, confidence });
    if (carries(plan.activation)) {
      addCarried(editor, names.output, probabilities, plan.activation, activation);
    }
    editor.addOutput(activation, carriedShape(plan.activation));
  } else {
    addFinalExit(editor, names.output, backbone.output.kind, { probabilities, confidence });
  }
  editor.addOutput(probabilities, [backbone.output.classes]);
  editor.addOutput(confidence, []);
  return writeModel(proto);
}

/** Puts before the segment what takes its input apart. @returns the name of what was carried */
function splitInput(editor: GraphEditor, geometry: CarriedShape, segmentInput: string): string {
  const segment = editor.graph.node;
  editor.graph.node = [];
  const previous = splitCarried(editor, stageTensors.input, geometry, segmentInput);
  editor.graph.node.push(...segment);
  editor.graph.input = [batchOf(stageTensors.input, carriedShape(geometry))];
  return previous;
}
