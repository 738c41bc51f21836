import type { onnx } from '#onnx';
import { type DataFlow, writesOf } from './graph.js';
import { isDefaultDomain } from './model.js';

/** An axis with the batch as axis 0; −1: the last one. */
type Axis = number;

/** Operators that sum or normalise over channels on axis 1. */
const onFirst = new Set([
  ...['Conv', 'ConvInteger', 'QLinearConv', 'ConvTranspose', 'FusedConv', 'DeformConv'],
  ...['BatchNormalization', 'InstanceNormalization', 'GroupNormalization', 'LRN'],
  ...['MaxPool', 'AveragePool', 'LpPool', 'GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'],
]);

/** Operators that do so on the last axis. */
const onLast = new Set([
  ...['LayerNormalization', 'SkipLayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization'],
  ...['LSTM', 'GRU', 'RNN', 'Attention'],
]);

/** Matrix products: with weights on the right, channels are on the last axis. */
const products = new Set(['MatMul', 'Gemm', 'MatMulInteger', 'QLinearMatMul', 'FusedMatMul']);

/** Operators after which nothing is known of the axes. */
const reshaping = new Set([
  ...['Reshape', 'Flatten', 'Shape', 'Size', 'Gather', 'GatherND', 'GatherElements', 'Einsum', 'Tile'],
  ...['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceL2', 'ReduceProd', 'ReduceLogSumExp'],
  ...['DepthToSpace', 'SpaceToDepth', 'NonZero', 'TopK', 'ArgMax', 'ArgMin', 'OneHot', 'Compress'],
]);

/**
 * Which axis counts the channels of each tensor on the samples' path, by the operators that wrote it and, where these do not
 * tell, by those that read it. Element-wise operators keep the axis of what they read.
 */
export function channelAxes({ nodes, dynamic }: DataFlow): ReadonlyMap<string, Axis> {
  const axes = new Map<string, Axis>();
  for (const node of nodes) {
    const axis = axisWritten(node, axes, dynamic);
    if (axis === null) continue;
    for (const name of writesOf(node)) axes.set(name, axis);
  }
  for (const node of nodes.toReversed()) {
    const [first] = node.input.filter((name) => dynamic.has(name));
    if (first === undefined || axes.has(first)) continue;
    const axis = axisRead(node, axes, dynamic);
    if (axis !== null) axes.set(first, axis);
  }
  return axes;
}

function axisWritten(
  node: onnx.NodeProto,
  axes: ReadonlyMap<string, Axis>,
  dynamic: ReadonlySet<string>,
): Axis | null {
  const { opType, input } = node;
  if (onFirst.has(opType)) return 1;
  if (onLast.has(opType)) return -1;
  const known = input.flatMap((name) => axes.get(name) ?? []);
  if (products.has(opType)) return productAxis(node, axes, dynamic);
  if (opType === 'Transpose') return isDefaultDomain(node.domain) ? transposedAxis(node, known[0]) : null;
  if (opType === 'Squeeze' || opType === 'Unsqueeze') return known[0] === 1 ? 1 : null;
  if (reshaping.has(opType)) return null;
  return known[0] ?? null;
}

function productAxis(
  { input }: onnx.NodeProto,
  axes: ReadonlyMap<string, Axis>,
  dynamic: ReadonlySet<string>,
): Axis | null {
  const [, right = ''] = input;
  return dynamic.has(right) ? (axes.get(right) ?? null) : -1;
}

/** The axis of what a node reads, by what the node is or by the axis of what it writes. */
function axisRead(
  node: onnx.NodeProto,
  axes: ReadonlyMap<string, Axis>,
  dynamic: ReadonlySet<string>,
): Axis | null {
  const { opType, output } = node;
  if (onFirst.has(opType)) return 1;
  if (onLast.has(opType)) return -1;
  if (products.has(opType)) return dynamic.has(node.input[1] ?? '') ? null : -1;
  const axis = axes.get(output[0] ?? '');
  if (opType === 'Transpose') {
    const permutation = permutationOf(node);
    return axis === undefined || !permutation ? null : (permutation.at(axis) ?? null);
  }
  if (opType === 'Squeeze' || opType === 'Unsqueeze') return axis === 1 ? 1 : null;
  return reshaping.has(opType) ? null : (axis ?? null);
}

function transposedAxis(node: onnx.NodeProto, axis: Axis | undefined): Axis | null {
  const permutation = permutationOf(node);
  if (axis === undefined || !permutation) return null;
  const found = permutation.indexOf(axis < 0 ? axis + permutation.length : axis);
  return found < 0 ? null : found;
}

function permutationOf({ attribute }: onnx.NodeProto): number[] | null {
  const found = attribute.find(({ name }) => name === 'perm');
  return found ? found.ints.map(Number) : null;
}
