import { elementsOf, OfframpError } from '@offramp/shared';
import type { GraphEditor } from '../onnx/graph-editor.js';
import { Emitter } from './emit.js';
import type { GraphBuilder } from './graph-builder.js';
import type { Tensor } from './tensor.js';

/** The oldest operator set whose nodes the exported ones are. */
export const exportOpset = 11;

export interface ForwardGraph {
  graph: GraphBuilder;
  /** Tensors to compute, under the names they get. */
  outputs: Readonly<Record<string, Tensor>>;
  /** Of the parameters and states. */
  values: ReadonlyMap<string, Float32Array>;
  /** For each input that the outputs need, which tensor of the model it is. */
  inputs: Readonly<Record<string, string>>;
  /** What the names of new tensors begin with. Default: `branch_` */
  prefix?: string;
}

/**
 * Appends what computes tensors of a graph after training to a model: parameters are constants, batch norms
 * use their running statistics. Needs opset 11. Reductions take the form that the model's opset has; all other
 * operators read the same from 11 on.
 * @throws OfframpError `MODEL_UNSUPPORTED` for an older opset, `TENSOR_INVALID` for a value or an input that is
 *   missing
 */
export function exportForward(editor: GraphEditor, forward: ForwardGraph): void {
  if (editor.opset < exportOpset) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `a trained branch needs operator set ${exportOpset} or newer; the model has ${editor.opset}`,
    );
  }
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
