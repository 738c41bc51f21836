import { onnx } from '#onnx';
import { initialiserNames, writesOf } from './graph.js';
import { changed, isDefaultDomain, type OnnxModel } from './model.js';
import { namesIn, renameNode, renameSparseTensor, renameTensor, takeName } from './names.js';
import { constantBoolean } from './tensor-data.js';

/** Puts the branch that is taken in place of each If whose condition is a constant, so that it can be cut and its cost counted. */
export function inlineConstantIfs(model: OnnxModel): OnnxModel {
  const graph = changed(onnx.GraphProto, model.graph, {
    node: [],
    initializer: [...model.graph.initializer],
    sparseInitializer: [...model.graph.sparseInitializer],
  });
  const taken = namesOutsideIfs(model.graph);
  let inlined = 0;
  const waiting = [...model.graph.node].reverse();
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    const branch = takenBranch(node, graph);
    if (branch) {
      inlined++;
      waiting.push(...inlineGraph(branch, node, graph, taken).reverse());
    } else graph.node.push(node);
  }
  if (inlined === 0) return model;
  return { ...model, graph, proto: changed(onnx.ModelProto, model.proto, { graph }) };
}

function takenBranch(node: onnx.NodeProto, graph: onnx.GraphProto): onnx.GraphProto | null {
  if (node.opType !== 'If' || !isDefaultDomain(node.domain)) return null;
  const condition = constantBoolean(graph, node.input[0] ?? '');
  if (condition === null) return null;
  const name = condition ? 'then_branch' : 'else_branch';
  return node.attribute.find((attribute) => attribute.name === name)?.g ?? null;
}

/** The nodes of a node's graph, under names that are free outside; its constants go to `outer`. */
function inlineGraph(
  inner: onnx.GraphProto,
  node: onnx.NodeProto,
  outer: onnx.GraphProto,
  taken: Set<string>,
): onnx.NodeProto[] {
  const own = new Set([...initialiserNames(inner), ...inner.node.flatMap(writesOf)]);
  const names = new Map<string, string>();
  const copies: onnx.NodeProto[] = [];
  inner.output.forEach(({ name }, index) => {
    const output = node.output[index];
    if (!output) return;
    if (own.has(name) && !names.has(name)) names.set(name, output);
    else copies.push(new onnx.NodeProto({ opType: 'Identity', input: [name], output: [output] }));
  });
  for (const name of own) if (!names.has(name)) names.set(name, takeName(taken, name));
  outer.initializer.push(...inner.initializer.map((tensor) => renameTensor(tensor, names)));
  outer.sparseInitializer.push(...inner.sparseInitializer.map((tensor) => renameSparseTensor(tensor, names)));
  return [...inner.node, ...copies].map((entry) => renameNode(entry, names));
}

/** Names in the branches of an If may be those of other branches: they are not taken before they are used. */
function namesOutsideIfs(graph: onnx.GraphProto): Set<string> {
  const node = graph.node.map((entry) =>
    entry.opType === 'If' ? changed(onnx.NodeProto, entry, { attribute: [] }) : entry,
  );
  return namesIn(changed(onnx.GraphProto, graph, { node }));
}
