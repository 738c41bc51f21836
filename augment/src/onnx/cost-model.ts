import { elementsOf } from '@offramp/bundle';
import type { onnx } from '#onnx';
import { einsumMacs } from './einsum.js';
import { subgraphsOf, withInnerNodes } from './graph.js';
import { isDefaultDomain } from './model.js';
import { microsoftDomain } from './quantisation.js';

/** Shape of a tensor as one run told it, batch included. */
export type ShapeOf = (tensor: string) => readonly number[];

type Counter = (
  shapes: { input: (at: number) => readonly number[]; output: (at: number) => readonly number[] },
  node: onnx.NodeProto,
) => number;

/** Each output value sums over the weights of its own output channel: weight [out, in / groups, …kernel]. */
const convolution =
  (weightAt: number): Counter =>
  ({ input, output }) =>
    elementsOf(output(0)) * elementsOf(input(weightAt).slice(1));

/** Each output value sums over the last dimension of the left matrix, whatever is batched before it. */
const matrixProduct: Counter = ({ input, output }, node) =>
  elementsOf(output(0)) * (input(0).at(isTransposed(node) ? -2 : -1) ?? 1);

function isTransposed(node: onnx.NodeProto): boolean {
  return node.attribute.some(({ name, i }) => name === 'transA' && !i.isZero());
}

/** X [steps, batch, in] meets W [directions, gates, in] and R [directions, gates, hidden] at every step. */
const recurrence: Counter = ({ input }) =>
  elementsOf(input(0).slice(0, 2)) * (elementsOf(input(1)) + elementsOf(input(2)));

/** By operator. */
const counters: ReadonlyMap<string, Counter> = new Map(
  Object.entries<Counter>({
    Conv: convolution(1),
    ConvInteger: convolution(1),
    QLinearConv: convolution(3),
    // Each input value meets the weights of its own input channel: weight [in, out / groups, …kernel].
    ConvTranspose: ({ input }) => elementsOf(input(0)) * elementsOf(input(1).slice(1)),
    Gemm: matrixProduct,
    MatMul: matrixProduct,
    MatMulInteger: matrixProduct,
    QLinearMatMul: matrixProduct,
    Einsum({ input }, node) {
      const equation = node.attribute.find(({ name }) => name === 'equation')?.s ?? new Uint8Array();
      return einsumMacs(
        Buffer.from(equation).toString('utf8'),
        node.input.map((_, at) => input(at)),
      );
    },
    RNN: recurrence,
    GRU: recurrence,
    LSTM: recurrence,
  }),
);

/** By operator of ONNX Runtime that is not in the standard. */
const microsoftCounters: ReadonlyMap<string, Counter> = new Map(
  Object.entries<Counter>({
    FusedConv: convolution(1),
    NhwcFusedConv: convolution(1),
    QLinearConv: convolution(3),
    FusedGemm: matrixProduct,
    FusedMatMul: matrixProduct,
    QGemm: matrixProduct,
    DynamicQuantizeMatMul: matrixProduct,
    MatMulIntegerToFloat: matrixProduct,
    MatMulInteger16: matrixProduct,
    MatMulNBits: matrixProduct,
    MatMulBnb4: matrixProduct,
  }),
);

/** Operators of ONNX Runtime that multiply no matrices. Others, such as those of attention, may. */
const microsoftElementwise = new Set([
  ...['QuantizeLinear', 'DequantizeLinear', 'QLinearAdd', 'QLinearMul', 'QLinearConcat', 'QLinearWhere'],
  ...['QLinearAveragePool', 'QLinearGlobalAveragePool', 'QLinearReduceMean', 'QLinearSigmoid'],
  ...['QLinearLeakyRelu', 'QLinearSoftmax', 'NhwcMaxPool', 'Gelu', 'FastGelu', 'QuickGelu', 'BiasGelu'],
  ...['BiasAdd', 'BiasSoftmax', 'SkipLayerNormalization', 'SimplifiedLayerNormalization'],
]);

function counterOf({ domain, opType }: onnx.NodeProto): Counter | undefined {
  if (isDefaultDomain(domain)) return counters.get(opType);
  return domain === microsoftDomain ? microsoftCounters.get(opType) : undefined;
}

/**
 * Multiply-accumulates of a node in the run that `shapeOf` tells of, by the convention of the literature:
 * what convolutions, matrix products and recurrences multiply, biases left out. Element-wise operators,
 * normalisation, pooling and data movement count 0.
 */
export function macsOf(node: onnx.NodeProto, shapeOf: ShapeOf): number {
  return (
    counterOf(node)?.(
      { input: (at) => shapeOf(node.input[at] ?? ''), output: (at) => shapeOf(node.output[at] ?? '') },
      node,
    ) ?? 0
  );
}

/** The tensors whose shapes {@link macsOf} asks for. */
export function shapesNeededBy(node: onnx.NodeProto): string[] {
  if (!counterOf(node)) return [];
  return [...node.input, ...node.output.slice(0, 1)].filter((name) => name !== '');
}

/** The nodes in a node's own graphs whose multiply-accumulates are not counted, because they run any number of times. */
export function countedInside(node: onnx.NodeProto): onnx.NodeProto[] {
  return withInnerNodes(node)
    .slice(1)
    .filter(({ domain, opType }) => isDefaultDomain(domain) && counters.has(opType));
}

/** Whether a node may multiply matrices that {@link macsOf} does not see into. */
export function isOpaque(node: onnx.NodeProto): boolean {
  if (counterOf(node)) return false;
  if (node.domain === microsoftDomain) return !microsoftElementwise.has(node.opType);
  if (!isDefaultDomain(node.domain)) return true;
  if (node.opType === 'Attention') return true;
  return subgraphsOf(node).some((graph) =>
    graph.node.some((inner) => counterOf(inner) !== undefined || isOpaque(inner)),
  );
}
