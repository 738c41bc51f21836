import { OfframpError } from '@offramp/runtime';
import Long from 'long';
import { onnx } from '#onnx';
import { DataType } from './data-type.js';
import { opsetOf } from './model.js';
import { namesIn, takeName } from './names.js';
import { batchOf } from './value-info.js';

/** An attribute of a node, under the field of `AttributeProto` that holds it. */
export type AttributeValue =
  | { i: number }
  | { f: number }
  | { s: string }
  | { ints: readonly number[] }
  | { floats: readonly number[] }
  | { t: onnx.TensorProto }
  | { g: onnx.GraphProto };

/** `AttributeProto.AttributeType` of the ONNX specification. */
const attributeTypes = { f: 1, i: 2, s: 3, t: 4, g: 5, floats: 6, ints: 7 } as const;

/** Values of a tensor, in the array of their type. */
export type TensorData =
  | Float32Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** Appends to the graph of a model, in place. */
export class GraphEditor {
  readonly graph: onnx.GraphProto;
  private readonly taken: Set<string>;
  /** Of nodes, which have names of their own. */
  private readonly takenByNodes: Set<string>;

  /** @throws OfframpError `MODEL_INVALID` for a model without a graph */
  constructor(readonly proto: onnx.ModelProto) {
    if (!proto.graph) throw new OfframpError('MODEL_INVALID', 'the model holds no graph');
    this.graph = proto.graph;
    this.taken = namesIn(this.graph);
    this.takenByNodes = new Set(this.graph.node.map(({ name }) => name));
  }

  /**
   * Starts a model with one float32 input.
   * @param shape without the batch dimension
   * @param opset version of the default operator set
   */
  static create(input: string, shape: readonly number[], opset: number): GraphEditor {
    return new GraphEditor(
      new onnx.ModelProto({
        irVersion: Long.fromNumber(8),
        producerName: 'offramp',
        opsetImport: [new onnx.OperatorSetIdProto({ version: Long.fromNumber(opset) })],
        graph: new onnx.GraphProto({ name: 'graph', input: [batchOf(input, shape)] }),
      }),
    );
  }

  /** Version of the default operator set: which form of an operator the model's nodes have. */
  get opset(): number {
    return opsetOf(this.proto);
  }

  /** A tensor name that the graph does not have yet: `base`, or `base_2` and so on. */
  uniqueName(base: string): string {
    return takeName(this.taken, base);
  }

  /**
   * Adds a constant.
   * @param data row-major, as many values as `dims` hold
   * @returns its name: `name`, or a unique one made of it
   */
  addInitializer(name: string, dims: readonly number[], data: TensorData): string {
    const tensor = tensorOf(this.uniqueName(name), dims, data);
    this.graph.initializer.push(tensor);
    return tensor.name;
  }

  /**
   * Adds a node at the end, so its inputs must exist by now. Outputs get exactly the names given.
   * @param opType with the domain before it, if that is not the default one: `com.microsoft.QGemm`
   */
  addNode(
    opType: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): void {
    for (const name of outputs) this.taken.add(name);
    const dot = opType.lastIndexOf('.');
    const domain = dot < 0 ? '' : opType.slice(0, dot);
    if (domain !== '') this.importDomain(domain);
    this.graph.node.push(
      new onnx.NodeProto({
        name: takeName(this.takenByNodes, `${opType}_${outputs[0] ?? this.graph.node.length}`),
        opType: opType.slice(dot + 1),
        domain,
        input: [...inputs],
        output: [...outputs],
        attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
      }),
    );
  }

  /** Operators of other domains need an operator set each; those of ONNX Runtime are at version 1. */
  private importDomain(domain: string): void {
    if (this.proto.opsetImport.some((entry) => entry.domain === domain)) return;
    this.proto.opsetImport.push(new onnx.OperatorSetIdProto({ domain, version: Long.fromNumber(1) }));
  }

  /** Makes a float32 tensor of the graph an output of the model. @param shape without the batch dimension */
  addOutput(name: string, shape: readonly number[]): void {
    this.graph.output.push(batchOf(name, shape));
  }
}

const dataTypes: ReadonlyMap<TensorData[typeof Symbol.toStringTag], number> = new Map([
  ['Float32Array', DataType.float32],
  ['BigInt64Array', DataType.int64],
  ['Int32Array', DataType.int32],
  ['Int16Array', DataType.int16],
  ['Uint16Array', DataType.uint16],
  ['Int8Array', DataType.int8],
  ['Uint8Array', DataType.uint8],
]);

export function tensorOf(name: string, dims: readonly number[], data: TensorData): onnx.TensorProto {
  const expected = dims.reduce((product, size) => product * size, 1);
  if (data.length !== expected) {
    throw new OfframpError(
      'TENSOR_INVALID',
      `tensor ${name}: expected ${expected} values for ${dims.join('×') || 'a scalar'}, found ${data.length}`,
    );
  }
  return new onnx.TensorProto({
    name,
    dims: dims.map((size) => Long.fromNumber(size)),
    dataType: dataTypes.get(data[Symbol.toStringTag]) ?? 0,
    rawData: new Uint8Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)),
  });
}

export function attributeOf(name: string, value: AttributeValue): onnx.AttributeProto {
  const [field] = Object.keys(value) as (keyof typeof attributeTypes)[];
  const attribute = new onnx.AttributeProto({ name, type: field ? attributeTypes[field] : 0 });
  if ('i' in value) attribute.i = Long.fromNumber(value.i);
  else if ('f' in value) attribute.f = value.f;
  else if ('s' in value) attribute.s = Buffer.from(value.s, 'utf8');
  else if ('ints' in value) attribute.ints = value.ints.map((entry) => Long.fromNumber(entry));
  else if ('floats' in value) attribute.floats = [...value.floats];
  else if ('t' in value) attribute.t = value.t;
  else attribute.g = value.g;
  return attribute;
}
