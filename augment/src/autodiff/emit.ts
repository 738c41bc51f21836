import type { GraphEditor } from '../onnx/graph-editor.js';
import { integers, type Operation, type Origin, type Tensor } from './tensor.js';

/** The first opset in which a reduction takes its axes as an input instead of an attribute. */
const axesInputSince: ReadonlyMap<string, number> = new Map([['ReduceMean', 18]]);

export interface EmitterOptions {
  /** The tensor name of an input, parameter or state; may add nodes. */
  source(kind: 'input' | 'parameter' | 'state', name: string): string;
  /** Whether tensors are replaced by their `inference` form. */
  inference: boolean;
  /** Prefix of the names of new tensors. */
  prefix: string;
}

/** Writes requested tensors, and all that they depend on, into an ONNX graph. */
export class Emitter {
  private readonly written = new Map<Operation | Origin, string[]>();

  constructor(
    private readonly editor: GraphEditor,
    private readonly options: EmitterOptions,
  ) {}

  /** The tensor's name in the graph. Adds the nodes that compute it. */
  nameOf(given: Tensor): string {
    const tensor = this.resolve(given);
    const { origin } = tensor;
    if (origin.kind === 'operation') {
      return (this.written.get(origin.operation) ?? this.write(origin.operation))[origin.output] as string;
    }
    const known = this.written.get(origin);
    if (known) return known[0] as string;
    const name =
      origin.kind === 'constant'
        ? this.writeConstant(origin.data, tensor.shape)
        : this.options.source(origin.kind, origin.name);
    this.written.set(origin, [name]);
    return name;
  }

  /** Writes a tensor under a given name. */
  writeAs(given: Tensor, name: string): void {
    const { origin } = this.resolve(given);
    if (
      origin.kind === 'operation' &&
      origin.operation.outputs === 1 &&
      !this.written.has(origin.operation)
    ) {
      this.write(origin.operation, name);
    } else {
      this.editor.addNode('Identity', [this.nameOf(given)], [name]);
    }
  }

  private resolve(tensor: Tensor): Tensor {
    return (this.options.inference ? tensor.inference : null) ?? tensor;
  }

  private write(operation: Operation, name?: string): string[] {
    const inputs = operation.inputs.map((input) => this.nameOf(input));
    const base = `${this.options.prefix}${operation.opType.toLowerCase()}`;
    const outputs =
      name === undefined
        ? Array.from({ length: operation.outputs }, () => this.editor.uniqueName(base))
        : [name];
    const attributes = { ...operation.attributes };
    if (operation.axes) {
      if (this.editor.opset >= (axesInputSince.get(operation.opType) ?? 0)) {
        inputs.push(this.nameOf(integers(operation.axes)));
      } else {
        attributes.axes = { ints: operation.axes };
      }
    }
    this.editor.addNode(operation.opType, inputs, outputs, attributes);
    this.written.set(operation, outputs);
    return outputs;
  }

  private writeConstant(data: Float32Array | BigInt64Array, shape: readonly number[]): string {
    return this.editor.addInitializer(`${this.options.prefix}constant`, shape, data);
  }
}
