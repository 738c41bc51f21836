import { elementsOf } from '@offramp/bundle';
import type { GraphEditor } from '../onnx/graph-editor.js';
import type { Variable } from './graph-builder.js';
import { generatorFor } from './initialise.js';
import { fail, Tensor } from './tensor.js';

/**
 * Several variables concatenated in one vector. A step then has few inputs and outputs, and the
 * optimiser has few nodes, regardless of the number of parameters.
 */
export class VariableVector {
  readonly size: number;
  /** The whole vector, an input of the graph. */
  readonly tensor: Tensor;
  /** Start of each variable, and end of the last one. */
  private readonly offsets: readonly number[];

  constructor(
    readonly name: string,
    readonly variables: readonly Variable[],
  ) {
    const offsets = [0];
    for (const { tensor } of variables) offsets.push((offsets.at(-1) as number) + elementsOf(tensor.shape));
    this.offsets = offsets;
    this.size = offsets.at(-1) as number;
    this.tensor = new Tensor([this.size], 'float32', { kind: 'input', name });
  }

  /** Initial values, by name or else by the variable's initialiser. */
  initialValues(seed: number, given: ReadonlyMap<string, Float32Array>): Float32Array {
    const values = new Float32Array(this.size);
    this.variables.forEach(({ name, tensor, initial }, i) => {
      const part = given.get(name) ?? initial(tensor.shape, generatorFor(name, seed));
      if (part.length !== elementsOf(tensor.shape)) {
        fail(name, `expected ${elementsOf(tensor.shape)} initial values, found ${part.length}`);
      }
      values.set(part, this.offsets[i]);
    });
    return values;
  }

  /** One number for each variable, repeated for each of its values. */
  perVariable(numberFor: (variable: Variable) => number): Float32Array {
    const values = new Float32Array(this.size);
    this.variables.forEach((variable, i) => {
      values.fill(numberFor(variable), this.offsets[i], this.offsets[i + 1]);
    });
    return values;
  }

  /** The variables' values, copied from the vector. */
  split(values: Float32Array): [name: string, values: Float32Array][] {
    return this.variables.map(({ name }, i) => [name, values.slice(this.offsets[i], this.offsets[i + 1])]);
  }

  /** Adds the nodes that split the vector. @returns the tensor of every variable, by its name */
  addParts(editor: GraphEditor): Map<string, string> {
    const flat = this.variables.map(({ name }) => editor.uniqueName(`${name}/flat`));
    const sizes = BigInt64Array.from(this.variables, ({ tensor }) => BigInt(elementsOf(tensor.shape)));
    const sizesName = editor.addInitializer(`${this.name}/sizes`, [sizes.length], sizes);
    editor.addNode('Split', [this.name, sizesName], flat, { axis: { i: 0 } });
    return new Map(
      this.variables.map(({ name, tensor }, i) => {
        const shaped = editor.uniqueName(name);
        const shape = editor.addInitializer(
          `${name}/shape`,
          [tensor.shape.length],
          BigInt64Array.from(tensor.shape, BigInt),
        );
        editor.addNode('Reshape', [flat[i] as string, shape], [shaped]);
        return [name, shaped];
      }),
    );
  }
}
