import { OfframpError } from '@offramp/runtime';
import type { onnx } from '#onnx';

/** The graphs that a node carries in its attributes: branches of an If, body of a Loop or Scan. */
export function subgraphsOf(node: onnx.NodeProto): onnx.GraphProto[] {
  return node.attribute.flatMap((attribute) => [
    ...(attribute.g ? [attribute.g] : []),
    ...(attribute.graphs ?? []),
  ]);
}

/** A node and all nodes inside of its graphs. */
export function withInnerNodes(node: onnx.NodeProto): onnx.NodeProto[] {
  return [node, ...subgraphsOf(node).flatMap((graph) => graph.node.flatMap(withInnerNodes))];
}

/** `TensorProto.DataLocation` of the ONNX specification. */
export const DataLocation = { default: 0, external: 1 } as const;

/** The tensors of a model whose values are in other files. */
export function externalTensors(proto: onnx.ModelProto): onnx.TensorProto[] {
  return tensorsOf(proto).filter(({ dataLocation }) => dataLocation === DataLocation.external);
}

function tensorsOf({ graph, functions }: onnx.ModelProto): onnx.TensorProto[] {
  const nodes = [...(graph?.node ?? []), ...functions.flatMap(({ node }) => node)].flatMap(withInnerNodes);
  const attributes = nodes.flatMap(({ attribute }) => attribute);
  const graphs = [
    ...(graph ? [graph] : []),
    ...attributes.flatMap(({ g, graphs: more }) => [...(g ? [g] : []), ...more]),
  ];
  const sparse = graphs.flatMap(({ sparseInitializer }) => sparseInitializer);
  return [
    ...graphs.flatMap(({ initializer }) => initializer),
    ...attributes.flatMap(({ t, tensors }) => [t, ...tensors]),
    ...sparse.flatMap(({ values, indices }) => [values, indices]),
  ].flatMap((tensor) => tensor ?? []);
}

/** The tensors that a node reads: its inputs, and what its subgraphs take from outside themselves. */
export function readsOf(node: onnx.NodeProto): string[] {
  const reads = node.input.filter((name) => name !== '');
  const captured = subgraphsOf(node).flatMap(capturedBy);
  return captured.length === 0 ? reads : [...new Set([...reads, ...captured])];
}

/** The tensors that a node writes; outputs it leaves out are not listed. */
export function writesOf(node: onnx.NodeProto): string[] {
  return node.output.filter((name) => name !== '');
}

/** Names of the tensors that a graph holds as data. */
export function initialiserNames(graph: onnx.GraphProto): string[] {
  return [
    ...graph.initializer.map(({ name }) => name),
    ...graph.sparseInitializer.map(({ values }) => values?.name ?? ''),
  ];
}

function capturedBy(graph: onnx.GraphProto): string[] {
  const own = new Set([
    ...graph.input.map(({ name }) => name),
    ...initialiserNames(graph),
    ...graph.node.flatMap(writesOf),
  ]);
  const used = [...graph.node.flatMap(readsOf), ...graph.output.map(({ name }) => name)];
  return used.filter((name) => !own.has(name));
}

/**
 * The nodes in an order in which every tensor is written before it is read; the given order where it is
 * one already.
 * @throws OfframpError `MODEL_INVALID` for a tensor that is written twice or never, and for a cycle
 */
export function sortTopologically(graph: onnx.GraphProto, where: string): onnx.NodeProto[] {
  const given = new Set([...graph.input.map(({ name }) => name), ...initialiserNames(graph)]);
  const writer = new Map<string, number>();
  graph.node.forEach((node, index) => {
    for (const name of writesOf(node)) {
      if (given.has(name) || writer.has(name)) {
        throw new OfframpError('MODEL_INVALID', `${where}: tensor ${name} is written more than once`);
      }
      writer.set(name, index);
    }
  });
  const readers: number[][] = graph.node.map(() => []);
  const missing = graph.node.map((node, index) => {
    let count = 0;
    for (const name of readsOf(node)) {
      if (given.has(name)) continue;
      const from = writer.get(name);
      if (from === undefined) {
        throw new OfframpError(
          'MODEL_INVALID',
          `${where}: ${describeNode(node)} reads tensor ${name}, which nothing writes`,
        );
      }
      readers[from]?.push(index);
      count++;
    }
    return count;
  });
  if (isSorted(graph.node, writer)) return graph.node;
  const ready = missing.flatMap((count, index) => (count === 0 ? [index] : []));
  const order: onnx.NodeProto[] = [];
  for (const index of ready) {
    order.push(graph.node[index] as onnx.NodeProto);
    for (const reader of readers[index] ?? []) {
      missing[reader] = (missing[reader] as number) - 1;
      if (missing[reader] === 0) ready.push(reader);
    }
  }
  const stuck = graph.node.find((_, index) => (missing[index] as number) > 0);
  if (stuck) {
    throw new OfframpError('MODEL_INVALID', `${where}: the graph has a cycle at ${describeNode(stuck)}`);
  }
  return order;
}

function isSorted(nodes: readonly onnx.NodeProto[], writer: ReadonlyMap<string, number>): boolean {
  return nodes.every((node, index) => readsOf(node).every((name) => (writer.get(name) ?? -1) < index));
}

/** `Conv node /layer1/conv1/Conv` */
export function describeNode(node: onnx.NodeProto): string {
  return `${node.opType} node ${node.name || `that writes ${node.output[0] ?? 'nothing'}`}`;
}

/** Which parts of a graph a sample runs through on its way to the output. */
export interface DataFlow {
  /** The nodes that depend on the input and that the output depends on, in topological order. */
  nodes: onnx.NodeProto[];
  /** Tensors that depend on the input. */
  dynamic: ReadonlySet<string>;
}

/** Tells the path of the samples from what is constant and from what the output never needs. */
export function dataFlow(graph: onnx.GraphProto, input: string, output: string): DataFlow {
  const dynamic = new Set([input]);
  for (const node of graph.node) {
    if (readsOf(node).some((name) => dynamic.has(name))) {
      for (const name of writesOf(node)) dynamic.add(name);
    }
  }
  const needed = new Set([output]);
  const nodes: onnx.NodeProto[] = [];
  for (const node of graph.node.toReversed()) {
    if (!writesOf(node).some((name) => needed.has(name) && dynamic.has(name))) continue;
    nodes.push(node);
    for (const name of readsOf(node)) needed.add(name);
  }
  return { nodes: nodes.reverse(), dynamic };
}

/** The nodes that a tensor needs, in order. */
export function pruned(nodes: readonly onnx.NodeProto[], output: string): onnx.NodeProto[] {
  const needed = new Set([output]);
  const kept = nodes.toReversed().filter((node) => {
    if (!writesOf(node).some((name) => needed.has(name))) return false;
    for (const name of readsOf(node)) needed.add(name);
    return true;
  });
  return kept.reverse();
}
