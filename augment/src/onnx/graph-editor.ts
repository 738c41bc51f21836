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
  addInitializer(name: string, dims: readonly number[], data: Float32Array | BigInt64Array): string {
    const tensor = tensorOf(this.uniqueName(name), dims, data);
    this.graph.initializer.push(tensor);
    return tensor.name;
  }

  /** Adds a node at the end, so its inputs must exist by now. Outputs get exactly the names given. */
  addNode(
    opType: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): void {
    for (const name of outputs) this.taken.add(name);
    this.graph.node.push(
      new onnx.NodeProto({
        name: takeName(this.takenByNodes, `${opType}_${outputs[0] ?? this.graph.node.length}`),
        opType,
        input: [...inputs],
        output: [...outputs],
        attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
      }),
    );
  }

  /** Makes a float32 tensor of the graph an output of the model. @param shape without the batch dimension */
  addOutput(name: string, shape: readonly number[]): void {
    this.graph.output.push(batchOf(name, shape));
  }
}

/** A float32 or int64 tensor. */
export function tensorOf(
  name: string,
  dims: readonly number[],
  data: Float32Array | BigInt64Array,
): onnx.TensorProto {
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
    dataType: data instanceof Float32Array ? DataType.float32 : DataType.int64,
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
