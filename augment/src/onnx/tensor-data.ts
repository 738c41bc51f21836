import Long from 'long';
import { onnx } from '#onnx';
import { bitsOf, DataType, dataTypeName, dataTypeOf } from './data-type.js';
import { isDefaultDomain } from './model.js';

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

/** The only value of a tensor of float32 or of integers of up to 32 bits; `null` for another tensor. */
export function scalarOf({ dims, dataType, rawData, floatData, int32Data }: onnx.TensorProto): number | null {
  if (dims.some((size) => size.toNumber() !== 1)) return null;
  const type = dataTypeName(dataType);
  const [listed] = type === 'float32' ? floatData : int32Data;
  if (listed !== undefined) return listed;
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  const read = scalarReaders.get(type);
  return read && rawData.byteLength >= (bitsOf(dataType) ?? 0) / 8 ? read(view) : null;
}

const scalarReaders: ReadonlyMap<string, (view: DataView) => number> = new Map([
  ['float32', (view) => view.getFloat32(0, true)],
  ['uint8', (view) => view.getUint8(0)],
  ['int8', (view) => view.getInt8(0)],
  ['uint16', (view) => view.getUint16(0, true)],
  ['int16', (view) => view.getInt16(0, true)],
  ['int32', (view) => view.getInt32(0, true)],
]);

/** The tensors that a graph holds as initialisers or Constants, by name. */
export function constantTensors(graph: onnx.GraphProto): Map<string, onnx.TensorProto> {
  const found = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  for (const { opType, domain, output, attribute } of graph.node) {
    if (opType !== 'Constant' || !isDefaultDomain(domain)) continue;
    const [value] = attribute;
    const tensor = value?.t ?? (value?.name === 'value_float' ? scalarTensor(value.f) : null);
    if (tensor) found.set(output[0] ?? '', tensor);
  }
  return found;
}

function scalarTensor(value: number): onnx.TensorProto {
  return new onnx.TensorProto({ dataType: DataType.float32, floatData: [value] });
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
