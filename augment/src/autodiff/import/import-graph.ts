import type { onnx } from '#onnx';
import { pruned } from '../../onnx/graph.js';
import { isDefaultDomain } from '../../onnx/model.js';
import { constantTensors } from '../../onnx/tensor-data.js';
import { fail, type Tensor } from '../tensor.js';
import { integerRules, isOfIntegers } from './integer-rules.js';
import { layerRules } from './layer-rules.js';
import { type Imported, importedTensor, isIntegers, NodeReader } from './node-reader.js';
import { shapeRules } from './shape-rules.js';

const tensorRules = new Map([...layerRules, ...shapeRules]);

/**
 * Continues a graph through a trained model, whose weights are constants, so that gradients pass through it. Only nodes
 * on which `output` depends are read.
 * @param model with one input
 * @param input batch × the shape of a sample; takes the place of the model's input
 * @returns the model's tensor of that name
 * @throws OfframpError `TENSOR_INVALID` for an operator, or a form of one, that has no gradient here
 */
export function importGraph(model: onnx.ModelProto, input: Tensor, output: string): Tensor {
  const graph = model.graph as onnx.GraphProto;
  const known = new Map<string, Imported>([[graph.input[0]?.name ?? '', input]]);
  for (const [name, tensor] of constantTensors(graph)) {
    const imported = importedTensor(tensor);
    if (imported) known.set(name, imported);
  }
  for (const node of pruned(graph.node, output)) {
    if (node.opType === 'Constant') continue;
    const [name = ''] = node.output;
    known.set(name, imported(node, known));
  }
  const found = known.get(output);
  if (!found || isIntegers(found)) fail('import', `expected the tensor ${output}, found none`);
  return found;
}

function imported(node: onnx.NodeProto, known: ReadonlyMap<string, Imported>): Imported {
  const inputs = node.input.map((name) => (name === '' ? null : (known.get(name) ?? null)));
  const rules = isOfIntegers(node.opType, inputs[0] ?? null) ? integerRules : tensorRules;
  const rule = isDefaultDomain(node.domain) ? rules.get(node.opType) : undefined;
  const reader = new NodeReader(node, inputs);
  return rule ? rule(reader) : reader.refuse('expected an operator with a gradient');
}
