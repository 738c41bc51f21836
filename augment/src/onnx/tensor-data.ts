import Long from 'long';
import { onnx } from '#onnx';
import { DataType, dataTypeName, dataTypeOf } from './data-type.js';

/** The values of an int64 vector that a graph holds as an initialiser or Constant; `null` where it does not. */
export function constantIntegers(graph: onnx.GraphProto, name: string): bigint[] | null {
  const tensor = constantTensor(graph, name);
  if (tensor) return integersOf(tensor);
  const attribute = constantAttribute(graph, name);
  return attribute?.name === 'value_ints' ? attribute.ints.map((value) => BigInt(value.toString())) : null;
}

/** A truth value that a graph holds as an initialiser or Constant; `null` where it does not. */
export function constantBoolean(graph: onnx.GraphProto, name: string): boolean | null {
  const tensor = constantTensor(graph, name);
  if (!tensor || dataTypeName(tensor.dataType) !== 'bool') return null;
  return [...tensor.rawData, ...tensor.int32Data].some((value) => value !== 0);
}

function constantTensor(graph: onnx.GraphProto, name: string): onnx.TensorProto | undefined {
  return (
    graph.initializer.find((entry) => entry.name === name) ?? constantAttribute(graph, name)?.t ?? undefined
  );
}

function constantAttribute(graph: onnx.GraphProto, name: string): onnx.AttributeProto | undefined {
  return graph.node.find(({ opType, output }) => opType === 'Constant' && output[0] === name)?.attribute[0];
}

function integersOf(tensor: onnx.TensorProto): bigint[] | null {
  if (tensor.dataType !== DataType.int64 || tensor.dims.length !== 1) return null;
  if (tensor.int64Data.length > 0) return tensor.int64Data.map((value) => BigInt(value.toString()));
  const { rawData } = tensor;
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  return Array.from({ length: Math.floor(rawData.byteLength / 8) }, (_, i) => view.getBigInt64(8 * i, true));
}

/** A tensor of any type, in the form of a model's weights; `null` for texts. */
export function weightOf(
  name: string,
  { type, dims, data }: { type: string; dims: readonly number[]; data: unknown },
): onnx.TensorProto | null {
  const dataType = dataTypeOf(type);
  if (dataType === undefined || !ArrayBuffer.isView(data)) return null;
  return new onnx.TensorProto({
    name,
    dims: dims.map((size) => Long.fromNumber(size)),
    dataType,
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice(),
  });
}
