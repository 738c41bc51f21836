import { OfframpError } from '@offramp/runtime';
import type { onnx } from '#onnx';
import type { Unfit } from './examine.js';
import { dataFlow, describeNode, pruned, withInnerNodes, writesOf } from './graph.js';
import { isDefaultDomain, type OnnxModel } from './model.js';
import { isRandom, shapeArithmetic } from './shape-arithmetic.js';
import { constantBoolean } from './tensor-data.js';

/** Operators that quantise a tensor by its smallest and largest value, over all samples of a batch. */
const dynamicQuantisers = new Set(['DynamicQuantizeLinear', 'DynamicQuantizeMatMul', 'DynamicQuantizeLSTM']);

/** From here on a BatchNormalization says by an attribute whether it trains; before, by its outputs. */
const opsetWithTrainingMode = 14;

const trainingHint = 'Export the model for inference: model.eval() before the export.';

/**
 * Refuses a model with a node on the samples' path that computes over the whole batch, or by chance.
 * @throws OfframpError `MODEL_UNSUPPORTED`
 */
export function refuseBatchStatistics(model: OnnxModel): void {
  const { where, proto, graph, input, output, opset } = model;
  const { dynamic } = dataFlow(graph, input.name, output.name);
  const { values } = shapeArithmetic(model);
  const needed = pruned(graph.node, output.name);
  const onPath = needed.filter((node) => isRandom(node) || writesOf(node).some((name) => dynamic.has(name)));
  for (const node of [...onPath, ...proto.functions.flatMap((entry) => entry.node)].flatMap(withInnerNodes)) {
    const found = problemOf(node, graph, opset) ?? choiceProblem(node, values.dynamic);
    if (!found) continue;
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${where}: expected a model that answers each sample of any batch as if it were alone; ${describeNode(node)} ${found.problem}`,
      { hint: found.hint },
    );
  }
}

function problemOf(node: onnx.NodeProto, graph: onnx.GraphProto, opset: number): Unfit | null {
  if (dynamicQuantisers.has(node.opType)) {
    return {
      problem: 'quantises by the range of the whole batch',
      hint: 'Quantise the model statically, with calibration data (onnxruntime.quantization.quantize_static), or give the float model.',
    };
  }
  if (isRandom(node)) return { problem: 'draws random values', hint: trainingHint };
  if (!isDefaultDomain(node.domain)) return null;
  if (node.opType === 'BatchNormalization' && isTraining(node, opset)) {
    return { problem: 'is in training mode: it normalises by the whole batch', hint: trainingHint };
  }
  if (node.opType === 'Dropout' && constantBoolean(graph, node.input[2] ?? '')) {
    return { problem: 'is in training mode: it drops random values', hint: trainingHint };
  }
  return null;
}

/** @param values that depend on what the samples hold */
function choiceProblem(node: onnx.NodeProto, values: ReadonlySet<string>): Unfit | null {
  if (node.opType !== 'If' || !isDefaultDomain(node.domain) || !values.has(node.input[0] ?? '')) return null;
  return {
    problem: 'chooses by what the samples hold, once for the whole batch',
    hint: 'Export the model without conditions on the data, for example traced instead of scripted.',
  };
}

function isTraining(node: onnx.NodeProto, opset: number): boolean {
  if (opset < opsetWithTrainingMode) return writesOf(node).length > 1;
  return node.attribute.some(({ name, i }) => name === 'training_mode' && !i.isZero());
}
