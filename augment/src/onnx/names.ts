import { onnx } from '#onnx';
import { subgraphsOf } from './graph.js';
import { changed, withInnerGraphs } from './model.js';

/** Every tensor name that appears in a graph or in the graphs inside it. */
export function namesIn(graph: onnx.GraphProto): Set<string> {
  const names = new Set<string>();
  collect(graph, names);
  return names;
}

function collect(graph: onnx.GraphProto, names: Set<string>): void {
  for (const { name } of [...graph.input, ...graph.output, ...graph.initializer]) names.add(name);
  for (const { values } of graph.sparseInitializer) names.add(values?.name ?? '');
  for (const node of graph.node) {
    for (const name of [...node.input, ...node.output]) names.add(name);
    for (const subgraph of subgraphsOf(node)) collect(subgraph, names);
  }
}

/** `base`, or `base_2`, `base_3` … where that is taken; the name is then taken, too. */
export function takeName(taken: Set<string>, base: string): string {
  let name = base;
  for (let i = 2; taken.has(name); i++) name = `${base}_${i}`;
  taken.add(name);
  return name;
}

/** A copy of a node whose tensors have other names, in the graphs inside it as well. */
export function renameNode(node: onnx.NodeProto, names: ReadonlyMap<string, string>): onnx.NodeProto {
  const rename = (name: string) => names.get(name) ?? name;
  const own = changed(onnx.NodeProto, node, {
    input: node.input.map(rename),
    output: node.output.map(rename),
  });
  return withInnerGraphs(own, (graph) => renameGraph(graph, names));
}

// ONNX forbids an inner graph to reuse a name from outside, so one map holds at every depth.
function renameGraph(graph: onnx.GraphProto, names: ReadonlyMap<string, string>): onnx.GraphProto {
  const renamed = <T extends { name: string; $unknowns?: Uint8Array[] }>(
    Type: new (properties: T) => T,
    entry: T,
  ): T => changed(Type, entry, { name: names.get(entry.name) ?? entry.name } as Partial<T>);
  return changed(onnx.GraphProto, graph, {
    node: graph.node.map((node) => renameNode(node, names)),
    input: graph.input.map((value) => renamed(onnx.ValueInfoProto, value)),
    output: graph.output.map((value) => renamed(onnx.ValueInfoProto, value)),
    initializer: graph.initializer.map((tensor) => renameTensor(tensor, names)),
    sparseInitializer: graph.sparseInitializer.map((tensor) => renameSparseTensor(tensor, names)),
    valueInfo: [],
  });
}

/** A tensor under the name that `names` has for it; its data is shared, not copied. */
export function renameTensor(tensor: onnx.TensorProto, names: ReadonlyMap<string, string>): onnx.TensorProto {
  const name = names.get(tensor.name);
  return name === undefined ? tensor : changed(onnx.TensorProto, tensor, { name });
}

export function renameSparseTensor(
  tensor: onnx.SparseTensorProto,
  names: ReadonlyMap<string, string>,
): onnx.SparseTensorProto {
  const { values } = tensor;
  return values ? changed(onnx.SparseTensorProto, tensor, { values: renameTensor(values, names) }) : tensor;
}
