import { elementsOf } from '@offramp/bundle';
import type { onnx } from '#onnx';
import { holdsWeights } from './data-type.js';
import { readsOf, writesOf } from './graph.js';

/**
 * How many parameters each of `nodes` is the first to use: the values of the weight tensors (floating
 * point, or integers of up to 8 bits) among the initialisers and the Constants of rank 1 and more that it
 * reads, directly or through constant nodes. A tensor that several nodes share counts once.
 * @param nodes in the order in which they run
 */
export function parametersOf(graph: onnx.GraphProto, nodes: readonly onnx.NodeProto[]): number[] {
  const own = new Set(nodes);
  const weights = new Map<string, number>();
  for (const { name, dataType, dims } of graph.initializer) {
    if (holdsWeights(dataType)) weights.set(name, elementsOf(dims.map((size) => size.toNumber())));
  }
  for (const { values } of graph.sparseInitializer) {
    if (values && holdsWeights(values.dataType)) {
      weights.set(values.name, elementsOf(values.dims.map((size) => size.toNumber())));
    }
  }
  const constantWriter = new Map<string, onnx.NodeProto>();
  for (const node of graph.node) {
    if (own.has(node)) continue;
    for (const name of writesOf(node)) constantWriter.set(name, node);
    const { value, name } = constantOf(node);
    if (value && value.dims.length > 0 && holdsWeights(value.dataType)) {
      weights.set(name, elementsOf(value.dims.map((size) => size.toNumber())));
    }
  }
  const seen = new Set<string>();
  const countFrom = (name: string): number => {
    const writer = constantWriter.get(name);
    if (seen.has(name) || (!writer && !weights.has(name))) return 0;
    seen.add(name);
    const behind = writer ? readsOf(writer).reduce((sum, input) => sum + countFrom(input), 0) : 0;
    return (weights.get(name) ?? 0) + behind;
  };
  return nodes.map((node) => readsOf(node).reduce((sum, name) => sum + countFrom(name), 0));
}

function constantOf(node: onnx.NodeProto): { value: onnx.TensorProto | null; name: string } {
  const value = node.opType === 'Constant' ? node.attribute.find(({ name }) => name === 'value')?.t : null;
  return { value: value ?? null, name: node.output[0] ?? '' };
}
