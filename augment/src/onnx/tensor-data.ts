import type { onnx } from '#onnx';
import { DataType } from './data-type.js';

/** The values of an int64 vector that a graph holds as an initialiser or Constant; `null` where it does not. */
export function constantIntegers(graph: onnx.GraphProto, name: string): bigint[] | null {
  const tensor = graph.initializer.find((entry) => entry.name === name);
  if (tensor) return integersOf(tensor);
  const node = graph.node.find(({ opType, output }) => opType === 'Constant' && output[0] === name);
  const attribute = node?.attribute[0];
  if (attribute?.t) return integersOf(attribute.t);
  return attribute?.name === 'value_ints' ? attribute.ints.map((value) => BigInt(value.toString())) : null;
}

function integersOf(tensor: onnx.TensorProto): bigint[] | null {
  if (tensor.dataType !== DataType.int64 || tensor.dims.length !== 1) return null;
  if (tensor.int64Data.length > 0) return tensor.int64Data.map((value) => BigInt(value.toString()));
  const { rawData } = tensor;
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  return Array.from({ length: Math.floor(rawData.byteLength / 8) }, (_, i) => view.getBigInt64(8 * i, true));
}
