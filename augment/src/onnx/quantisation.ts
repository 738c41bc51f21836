import type { onnx } from '#onnx';
import { dataTypeName } from './data-type.js';
import { isDefaultDomain } from './model.js';
import { constantTensors, scalarOf } from './tensor-data.js';

/** Affine quantisation, the same for all elements of a tensor: a value is scale × (integer − zero point). */
export interface Quantisation {
  /** Of the integers. */
  type: QuantisedType;
  scale: number;
  zeroPoint: number;
}

export const quantisedTypes = ['uint8', 'int8', 'uint16', 'int16'] as const;
export type QuantisedType = (typeof quantisedTypes)[number];

/** Operators of ONNX Runtime that are not in the standard. */
export const microsoftDomain = 'com.microsoft';

/** Which inputs are scale and zero point of an operator's output; the zero point is the next one. */
const scaleInputs: ReadonlyMap<string, number> = new Map(
  Object.entries({
    QuantizeLinear: 1,
    DequantizeLinear: 1,
    QLinearConv: 6,
    QLinearMatMul: 6,
    QLinearAdd: 6,
    QLinearMul: 6,
    QLinearAveragePool: 3,
    QLinearGlobalAveragePool: 3,
    QLinearReduceMean: 3,
    QLinearSigmoid: 3,
    QLinearLeakyRelu: 3,
    QLinearSoftmax: 3,
    QLinearConcat: 0,
    QLinearWhere: 7,
    QGemm: 7,
  }),
);

/** Operators whose results are among the values of their first input. */
const selecting = new Set([
  ...['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Slice', 'Gather', 'Split'],
  ...['Expand', 'Tile', 'DepthToSpace', 'SpaceToDepth', 'MaxPool', 'GlobalMaxPool', 'NhwcMaxPool', 'Dropout'],
]);

/**
 * The tensors that are quantised with a scale and a zero point that are known: those of integers, and those of float32
 * whose values are such integers, dequantised.
 */
export function quantisedTensors(graph: onnx.GraphProto): ReadonlyMap<string, Quantisation> {
  const constants = constantTensors(graph);
  const found = new Map<string, Quantisation>();
  for (const node of graph.node) {
    if (!isDefaultDomain(node.domain) && node.domain !== microsoftDomain) continue;
    const [first = ''] = node.input;
    const at = scaleInputs.get(node.opType);
    if (at === undefined && !selecting.has(node.opType)) continue;
    const quantisation =
      at === undefined
        ? found.get(first)
        : quantisationOf(node, at, (name) => constants.get(name), found.get(first)?.type);
    if (!quantisation) continue;
    for (const name of at === undefined ? node.output : node.output.slice(0, 1))
      found.set(name, quantisation);
  }
  return found;
}

/** @param inherited the type of the node's first input, if that is known */
function quantisationOf(
  node: onnx.NodeProto,
  at: number,
  constantOf: (name: string) => onnx.TensorProto | undefined,
  inherited: QuantisedType | undefined,
): Quantisation | undefined {
  const scale = constantOf(node.input[at] ?? '');
  const value = scale && dataTypeName(scale.dataType) === 'float32' ? scalarOf(scale) : null;
  if (value === null || !(value > 0)) return undefined;
  const zeroName = node.input[at + 1] ?? '';
  if (zeroName === '') {
    const isPlainQuantiser =
      node.opType === 'QuantizeLinear' && node.attribute.every(({ name }) => name === 'axis');
    const type = isPlainQuantiser ? 'uint8' : inherited;
    return type && { type, scale: value, zeroPoint: 0 };
  }
  const zero = constantOf(zeroName);
  const type = quantisedTypes.find((name) => name === dataTypeName(zero?.dataType ?? 0));
  const zeroPoint = zero ? scalarOf(zero) : null;
  return type && zeroPoint !== null ? { type, scale: value, zeroPoint } : undefined;
}
