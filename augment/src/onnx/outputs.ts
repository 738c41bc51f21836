import { OfframpError } from '@offramp/runtime';
import { onnx } from '#onnx';
import { GraphEditor } from './graph-editor.js';
import { changed, isDefaultDomain, type OnnxModel } from './model.js';
import { declaredShape } from './value-info.js';

const shownOutputs = 5;

/** Operators that leave a score what it is. */
const passing = new Set([
  ...['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Cast'],
  ...['QuantizeLinear', 'DequantizeLinear'],
]);

/** Operators whose results are probabilities. */
const squashing = new Set(['Sigmoid', 'HardSigmoid', 'QLinearSigmoid']);

/**
 * The output that holds the answer. One that is listed twice is one.
 * @param wanted its name, where the model has several
 * @throws OfframpError `MODEL_INVALID` without outputs; `MODEL_UNSUPPORTED` for several of which none is wanted,
 *   `CONFIG_INVALID` for a name that none has
 */
export function chooseOutput(
  graph: onnx.GraphProto,
  where: string,
  wanted: string | undefined,
): onnx.ValueInfoProto {
  const outputs = [
    ...new Map(graph.output.toReversed().map((output) => [output.name, output])).values(),
  ].reverse();
  const [first] = outputs;
  if (!first) throw new OfframpError('MODEL_INVALID', `${where}: expected a graph output, found none`);
  const found = wanted === undefined ? first : outputs.find(({ name }) => name === wanted);
  if (!found) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `--output: expected an output of ${where}, one of ${listed(outputs)}; found ${wanted}`,
    );
  }
  if (wanted === undefined && outputs.length > 1) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${where}: expected one output, a score per class; found ${outputs.length}: ${listed(outputs)}`,
      { hint: `Say which of them is the answer: --output ${first.name}` },
    );
  }
  return found;
}

function listed(outputs: readonly onnx.ValueInfoProto[]): string {
  const shown = outputs.slice(0, shownOutputs).map((output) => {
    const shape = declaredShape(output);
    return shape ? `${output.name} [${shape.join(', ')}]` : output.name;
  });
  return `${shown.join(', ')}${outputs.length > shown.length ? ', …' : ''}`;
}

/** Whether an output holds one score for each sample. */
export function isOneScore(shape: readonly number[], batch: number): boolean {
  return shape[0] === batch && shape.slice(1).every((size) => size === 1);
}

/**
 * A model whose scores stand in [batch, classes]: scores in [batch, classes, 1, 1], as fully convolutional networks leave
 * them, are flattened; a single score is that of the second of two classes.
 * @param shape of the output
 * @returns the given model where nothing is to be done
 */
export function withScorePerClass(model: OnnxModel, shape: readonly number[], batch: number): OnnxModel {
  const single = isOneScore(shape, batch);
  const flattenable = shape.length > 2 && shape.slice(2).every((size) => size === 1);
  if (!single && !flattenable) return model;
  const graph = changed(onnx.GraphProto, model.graph, {
    node: [...model.graph.node],
    initializer: [...model.graph.initializer],
  });
  const proto = changed(onnx.ModelProto, model.proto, { graph });
  const editor = new GraphEditor(proto);
  const name = single ? twoClasses(editor, model, shape) : flat(editor, model);
  const output = new onnx.ValueInfoProto({ name });
  graph.output = [output];
  return { ...model, proto, graph, output };
}

function flat(editor: GraphEditor, { output }: OnnxModel): string {
  const name = editor.uniqueName(`${output.name}_flat`);
  editor.addNode('Flatten', [output.name], [name], { axis: { i: 1 } });
  return name;
}

/** Scores [0, 1] become [1 − score, score]; others become logits of which softmax makes the score's sigmoid. */
function twoClasses(editor: GraphEditor, model: OnnxModel, shape: readonly number[]): string {
  const scores = model.output.name;
  const name = (what: string) => editor.uniqueName(`${scores}_${what}`);
  const column = name('column');
  if (shape.length === 2) editor.addNode('Identity', [scores], [column]);
  else {
    const to = editor.addInitializer(`${scores}_shape`, [2], BigInt64Array.of(-1n, 1n));
    editor.addNode('Reshape', [scores, to], [column]);
  }
  const pair = (what: string, ...values: number[]) =>
    editor.addInitializer(`${scores}_${what}`, [1, 2], Float32Array.from(values));
  const result = name('two_classes');
  if (!isProbability(model)) {
    editor.addNode('Mul', [column, pair('halves', -0.5, 0.5)], [result]);
    return result;
  }
  const signed = name('signed');
  editor.addNode('Mul', [column, pair('signs', -1, 1)], [signed]);
  editor.addNode('Add', [signed, pair('offsets', 1, 0)], [result]);
  return result;
}

/** Whether the output is a sigmoid's, possibly in another shape or type. */
function isProbability({ graph, output }: OnnxModel): boolean {
  const writers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  let node = writers.get(output.name);
  while (node && isDefaultDomain(node.domain) && passing.has(node.opType)) {
    node = writers.get(node.input[0] ?? '');
  }
  return node !== undefined && squashing.has(node.opType);
}
