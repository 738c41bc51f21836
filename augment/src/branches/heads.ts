import type { GraphEditor } from '../onnx/graph-editor.js';
import type { LinearClassifier } from '../training/linear-classifier.js';
import { extraConfidenceFeatures, probabilityFloor } from './confidence-features.js';

/** confidence = sigmoid(confidenceFeatures · weights + bias) */
export interface ConfidenceHead {
  weights: Float32Array;
  bias: number;
}

/** The two heads of a branch, on features of any body. */
export interface BranchHeads {
  classification: LinearClassifier;
  confidence: ConfidenceHead;
}

export function headMacs(heads: BranchHeads): number {
  return heads.classification.weights.length + heads.confidence.weights.length;
}

export function headParameters(heads: BranchHeads): number {
  return headMacs(heads) + heads.classification.bias.length + 1;
}

/**
 * Appends linear + softmax and linear + sigmoid. Only operators that read the same in every operator set
 * from 11 on.
 * @param features batch × width
 * @param outputs the names to give: `probabilities` (batch × classes) and `confidence` (batch)
 */
export function addHeads(
  editor: GraphEditor,
  features: string,
  heads: BranchHeads,
  outputs: { probabilities: string; confidence: string },
): void {
  const { weights, bias, classes } = heads.classification;
  const logits = editor.uniqueName('branch_logits');
  editor.addNode(
    'Gemm',
    [
      features,
      editor.addInitializer('branch_weights', [weights.length / classes, classes], weights),
      editor.addInitializer('branch_bias', [classes], bias),
    ],
    [logits],
  );
  editor.addNode('Softmax', [logits], [outputs.probabilities], { axis: { i: 1 } });

  const extended = addConfidenceFeatures(editor, outputs.probabilities, classes);
  const score = editor.uniqueName('confidence_score');
  const column = editor.uniqueName('confidence_column');
  editor.addNode(
    'Gemm',
    [
      extended,
      editor.addInitializer(
        'confidence_weights',
        [classes + extraConfidenceFeatures, 1],
        heads.confidence.weights,
      ),
      editor.addInitializer('confidence_bias', [1], Float32Array.of(heads.confidence.bias)),
    ],
    [score],
  );
  editor.addNode('Sigmoid', [score], [column]);
  addFlattening(editor, column, outputs.confidence);
}

/**
 * Makes the backbone's own classifier an exit: probabilities from its logits, confidence their largest.
 * @param output the backbone's output, batch × classes
 */
export function addFinalExit(
  editor: GraphEditor,
  output: string,
  kind: 'logits' | 'probabilities',
  outputs: { probabilities: string; confidence: string },
): void {
  if (kind === 'logits') editor.addNode('Softmax', [output], [outputs.probabilities], { axis: { i: 1 } });
  else editor.addNode('Identity', [output], [outputs.probabilities]);
  addFlattening(editor, addTop(editor, outputs.probabilities, 1), outputs.confidence);
}

/** The graph form of `confidenceFeatures`. */
function addConfidenceFeatures(editor: GraphEditor, probabilities: string, classes: number): string {
  const top = addTop(editor, probabilities, 2);
  const logTop = addLogarithm(editor, top);
  const logAll = addLogarithm(editor, probabilities);
  const products = editor.uniqueName('confidence_products');
  const entropy = editor.uniqueName('confidence_entropy');
  const features = editor.uniqueName('confidence_features');
  editor.addNode('Mul', [probabilities, logAll], [products]);
  const minusOnes = editor.addInitializer('confidence_sum', [classes, 1], new Float32Array(classes).fill(-1));
  editor.addNode('MatMul', [products, minusOnes], [entropy]);
  editor.addNode('Concat', [probabilities, top, logTop, entropy], [features], { axis: { i: 1 } });
  return features;
}

/** The `k` largest of every row, largest first: batch × k. */
function addTop(editor: GraphEditor, tensor: string, k: number): string {
  const values = editor.uniqueName('top_values');
  const indices = editor.uniqueName('top_indices');
  const count = editor.addInitializer('top_count', [1], BigInt64Array.of(BigInt(k)));
  editor.addNode('TopK', [tensor, count], [values, indices], { axis: { i: 1 } });
  return values;
}

function addLogarithm(editor: GraphEditor, tensor: string): string {
  const clipped = editor.uniqueName('clipped');
  const logarithm = editor.uniqueName('logarithm');
  const floor = editor.addInitializer('probability_floor', [1], Float32Array.of(probabilityFloor));
  editor.addNode('Max', [tensor, floor], [clipped]);
  editor.addNode('Log', [clipped], [logarithm]);
  return logarithm;
}

/** batch × 1 to batch. */
function addFlattening(editor: GraphEditor, column: string, output: string): void {
  const flat = editor.addInitializer('flat', [1], BigInt64Array.of(-1n));
  editor.addNode('Reshape', [column, flat], [output]);
}
