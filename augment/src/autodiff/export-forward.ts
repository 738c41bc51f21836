import { elementsOf } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import type { GraphEditor } from '../onnx/graph-editor.js';
import { Emitter } from './emit.js';
import type { GraphBuilder } from './graph-builder.js';
import type { Tensor } from './tensor.js';

export interface ForwardGraph {
  graph: GraphBuilder;
  /** Tensors to compute, under the names they get. */
  outputs: Readonly<Record<string, Tensor>>;
  /** Values of parameters and states. */
  values: ReadonlyMap<string, Float32Array>;
  /** For each input that the outputs need, the model's tensor. */
  inputs: Readonly<Record<string, string>>;
  /** Prefix of the names of new tensors. Default: `branch_` */
  prefix?: string;
}

/**
 * Appends to a model the nodes that compute tensors of a trained graph: parameters are constants, and batch norms
 * use their running statistics. Reductions are written in the form of the model's opset; all other
 * operators are the same in every opset from 13 on.
 * @throws OfframpError `TENSOR_INVALID` for a value or an input that is missing
 */
export function exportForward(editor: GraphEditor, forward: ForwardGraph): void {
  const { graph, values, inputs } = forward;
  const prefix = forward.prefix ?? 'branch_';
  const variables = new Map([...graph.parameters, ...graph.states]);
  const emitter = new Emitter(editor, {
    inference: true,
    prefix,
    source: (kind, name) => {
      if (kind === 'input') return inputs[name] ?? missing(name);
      const shape = variables.get(name)?.tensor.shape ?? missing(name);
      const data = values.get(name) ?? missing(name);
      if (data.length !== elementsOf(shape)) missing(name, ` of ${elementsOf(shape)} values`);
      return editor.addInitializer(`${prefix}${name}`, shape, data);
    },
  });
  for (const [name, tensor] of Object.entries(forward.outputs)) emitter.writeAs(tensor, name);
}

function missing(name: string, what = ''): never {
  throw new OfframpError('TENSOR_INVALID', `export: expected ${name}${what}, found none`);
}
