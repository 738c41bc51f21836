import type { onnx } from '#onnx';
import { DataType } from '../../onnx/data-type.js';
import { constant, fail, type Tensor } from '../tensor.js';

/** A value of the graph: a tensor, or the integers of a shape, axes or bounds. */
export type Imported = Tensor | readonly number[];

/** What a node's first output is. @throws OfframpError `TENSOR_INVALID` for a form of the operator that has no rule */
export type NodeRule = (node: NodeReader) => Imported;

/** A node with its inputs. */
export class NodeReader {
  private readonly attributes: ReadonlyMap<string, onnx.AttributeProto>;

  constructor(
    readonly node: onnx.NodeProto,
    private readonly inputs: readonly (Imported | null)[],
  ) {
    this.attributes = new Map(node.attribute.map((attribute) => [attribute.name, attribute]));
  }

  /** @throws OfframpError `TENSOR_INVALID` for an input that is missing, or that consists of integers */
  tensor(index: number): Tensor {
    return this.optionalTensor(index) ?? this.refuse(`expected a tensor of numbers as input ${index}`);
  }

  optionalTensor(index: number): Tensor | null {
    const input = this.inputs[index] ?? null;
    if (input === null || !isIntegers(input)) return input;
    return this.refuse(`expected numbers as input ${index}, found integers`);
  }

  /** Integers, which newer operator sets have as an input and older ones as an attribute. */
  integers(index: number, name: string): readonly number[] | null {
    const input = this.inputs[index] ?? null;
    if (input === null) return this.ints(name);
    return isIntegers(input) ? input : this.refuse(`expected constant integers as input ${index}`);
  }

  ints(name: string): number[] | null {
    return this.attributes.get(name)?.ints.map(Number) ?? null;
  }

  int(name: string, byDefault: number): number {
    const found = this.attributes.get(name);
    return found ? Number(found.i) : byDefault;
  }

  float(name: string, byDefault: number): number {
    return this.attributes.get(name)?.f ?? byDefault;
  }

  text(name: string, byDefault: string): string {
    const found = this.attributes.get(name);
    return found ? Buffer.from(found.s).toString('utf8') : byDefault;
  }

  refuse(problem: string): never {
    return fail(this.node.opType, `${problem}, in the node that writes ${this.node.output[0] ?? 'nothing'}`);
  }
}

export function isIntegers(value: Imported): value is readonly number[] {
  return Array.isArray(value);
}

/** An initialiser of float32, or of int64 with at most one dimension; `null` for others. */
export function importedTensor(tensor: onnx.TensorProto): Imported | null {
  const dims = tensor.dims.map(Number);
  const { rawData, dataType, floatData, int64Data } = tensor;
  // A copy, because typed arrays need aligned memory.
  const bytes = new Uint8Array(rawData).buffer;
  if (dataType === DataType.float32) {
    const values = floatData.length > 0 ? Float32Array.from(floatData) : new Float32Array(bytes);
    return constant(values, dims);
  }
  if (dataType !== DataType.int64 || dims.length > 1) return null;
  return int64Data.length > 0 ? int64Data.map(Number) : Array.from(new BigInt64Array(bytes), Number);
}
