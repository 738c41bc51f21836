import type { GraphEditor } from '../onnx/graph-editor.js';
import type { LinearClassifier } from '../training/linear-classifier.js';
import { confidenceFeatureCount, probabilityFloor } from './confidence-features.js';

/**
 * The source of an exit's confidence:
 * - `learned`: sigmoid(confidenceFeatures · weights + bias)
 * - `joint`: sigmoid(scale · score + bias) of a score that the branch's own graph computes
 * - `max-softmax`: the largest probability
 * - `entropy`: 1 − entropy / log(classes)
 */
export type ConfidenceHead =
  | { kind: 'learned'; weights: Float32Array; bias: number }
  | { kind: 'joint'; scale: number; bias: number }
  | { kind: 'max-softmax' }
  | { kind: 'entropy' };

/** The tensors that a confidence head may use. */
export interface ExitInputs {
  /** batch × classes */
  logits: string;
  classes: number;
  /** Probabilities of the previous exit, batch × classes, if the branch uses them. */
  previous: string | null;
  /** The score of a `joint` head, batch × 1. */
  score: string | null;
}

/** Output names: `probabilities` is batch × classes, `confidence` batch. */
export interface ExitOutputs {
  probabilities: string;
  confidence: string;
}

export function confidenceWeights(head: ConfidenceHead): number {
  return head.kind === 'learned' ? head.weights.length : 0;
}

/** Appends a linear classification head. @returns the name of its logits, batch × classes */
export function addClassHead(editor: GraphEditor, features: string, head: LinearClassifier): string {
  const { weights, bias, classes } = head;
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
  return logits;
}

/**
 * Appends softmax and a confidence, only with operators that are the same in every operator set from 11 on.
 */
export function addExit(
  editor: GraphEditor,
  inputs: ExitInputs,
  head: ConfidenceHead,
  outputs: ExitOutputs,
): void {
  editor.addNode('Softmax', [inputs.logits], [outputs.probabilities], { axis: { i: 1 } });
  const column = confidenceColumn(editor, inputs, head, outputs.probabilities);
  addFlattening(editor, column, outputs.confidence);
}

/**
 * Makes the backbone's own classifier an exit, with the largest probability as confidence.
 * @param output the backbone's output, batch × classes
 */
export function addFinalExit(
  editor: GraphEditor,
  output: string,
  kind: 'logits' | 'probabilities',
  outputs: ExitOutputs,
): void {
  if (kind === 'logits') editor.addNode('Softmax', [output], [outputs.probabilities], { axis: { i: 1 } });
  else editor.addNode('Identity', [output], [outputs.probabilities]);
  addFlattening(editor, addTop(editor, outputs.probabilities, 1), outputs.confidence);
}

/** batch × 1 */
function confidenceColumn(
  editor: GraphEditor,
  { classes, previous, score }: ExitInputs,
  head: ConfidenceHead,
  probabilities: string,
): string {
  if (head.kind === 'max-softmax') return addTop(editor, probabilities, 1);
  const column = editor.uniqueName('confidence_column');
  if (head.kind === 'entropy') {
    const scale = editor.addInitializer('entropy_scale', [1], Float32Array.of(-1 / Math.log(classes)));
    const one = editor.addInitializer('one', [1], Float32Array.of(1));
    const share = editor.uniqueName('entropy_share');
    editor.addNode('Mul', [addEntropy(editor, probabilities, classes), scale], [share]);
    editor.addNode('Add', [share, one], [column]);
    return column;
  }
  const logOdds =
    head.kind === 'joint'
      ? addCalibratedScore(editor, score, head)
      : addLearnedScore(editor, probabilities, previous, classes, head);
  editor.addNode('Sigmoid', [logOdds], [column]);
  return column;
}

function addCalibratedScore(
  editor: GraphEditor,
  score: string | null,
  { scale, bias }: Extract<ConfidenceHead, { kind: 'joint' }>,
): string {
  if (score === null) throw new RangeError('a joint confidence head needs its score');
  const scaled = editor.uniqueName('scaled_score');
  const calibrated = editor.uniqueName('calibrated_score');
  editor.addNode('Mul', [score, editor.addInitializer('score_scale', [1], Float32Array.of(scale))], [scaled]);
  editor.addNode(
    'Add',
    [scaled, editor.addInitializer('score_bias', [1], Float32Array.of(bias))],
    [calibrated],
  );
  return calibrated;
}

function addLearnedScore(
  editor: GraphEditor,
  probabilities: string,
  previous: string | null,
  classes: number,
  head: Extract<ConfidenceHead, { kind: 'learned' }>,
): string {
  const score = editor.uniqueName('confidence_score');
  editor.addNode(
    'Gemm',
    [
      addConfidenceFeatures(editor, probabilities, previous, classes),
      editor.addInitializer(
        'confidence_weights',
        [confidenceFeatureCount(previous !== null), 1],
        head.weights,
      ),
      editor.addInitializer('confidence_bias', [1], Float32Array.of(head.bias)),
    ],
    [score],
  );
  return score;
}

/** The graph form of `confidenceFeatures`. */
function addConfidenceFeatures(
  editor: GraphEditor,
  probabilities: string,
  previous: string | null,
  classes: number,
): string {
  const top = addTop(editor, probabilities, 2);
  // Log-odds and margin, from log p₁, log p₂, log(1 − p₁), log(1 − p₂).
  const oddsAndMargin = [1, 1, 0, -1, -1, 0, 0, 0];
  const parts = [
    addCombined(editor, addWithComplement(editor, top), [4, 2], oddsAndMargin),
    addEntropy(editor, probabilities, classes),
  ];
  if (previous) {
    const same = addRowProduct(editor, probabilities, previous, classes, 1);
    parts.push(addCombined(editor, addWithComplement(editor, same), [2, 1], [1, -1]));
  }
  const features = editor.uniqueName('confidence_features');
  editor.addNode('Concat', parts, [features], { axis: { i: 1 } });
  return features;
}

/** The logarithms of p and of 1 − p, batch × 2·width, for p of batch × width. */
function addWithComplement(editor: GraphEditor, tensor: string): string {
  const complement = editor.uniqueName('complement');
  const both = editor.uniqueName('with_complement');
  editor.addNode('Sub', [editor.addInitializer('one', [1], Float32Array.of(1)), tensor], [complement]);
  editor.addNode('Concat', [tensor, complement], [both], { axis: { i: 1 } });
  return addLogarithm(editor, both);
}

/** Multiplies every row by a matrix of inputs × outputs. */
function addCombined(
  editor: GraphEditor,
  tensor: string,
  shape: readonly [number, number],
  matrix: readonly number[],
): string {
  const weights = editor.addInitializer('combination', [...shape], Float32Array.from(matrix));
  const combined = editor.uniqueName('combined');
  editor.addNode('MatMul', [tensor, weights], [combined]);
  return combined;
}

function addEntropy(editor: GraphEditor, probabilities: string, classes: number): string {
  return addRowProduct(editor, probabilities, addLogarithm(editor, probabilities), classes, -1);
}

/** `sign` · Σ a·b over every row: batch × 1. */
function addRowProduct(editor: GraphEditor, a: string, b: string, classes: number, sign: number): string {
  const products = editor.uniqueName('products');
  const sum = editor.uniqueName('row_product');
  const signs = editor.addInitializer('signs', [classes, 1], new Float32Array(classes).fill(sign));
  editor.addNode('Mul', [a, b], [products]);
  editor.addNode('MatMul', [products, signs], [sum]);
  return sum;
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
