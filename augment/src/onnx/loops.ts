import { OfframpError } from '@offramp/runtime';
import type { onnx } from '#onnx';
import { describeNode, initialiserNames, readsOf, subgraphsOf, writesOf } from './graph.js';
import { isDefaultDomain } from './model.js';
import { isRandom, readsShapeOnly } from './shape-arithmetic.js';

/** What is known of a tensor: the node that writes it, or that its value is fixed. */
type Origin = onnx.NodeProto | 'fixed';
type Scope = ReadonlyMap<string, Origin>;

/**
 * Refuses loops whose number of rounds may depend on the values of the picture, because such a loop need not end. One
 * whose number is a constant, or follows from shapes, takes as long for every picture as it does when the model is probed.
 * @throws OfframpError `MODEL_UNSUPPORTED`
 */
export function refuseOpenLoops(proto: onnx.ModelProto, where: string): void {
  if (proto.graph) checkGraph(proto.graph, new Map(), where);
  for (const { node } of proto.functions) checkNodes(node, new Map(), where);
}

function checkGraph(graph: onnx.GraphProto, outer: Scope, where: string): void {
  const scope = new Map(outer);
  // Inputs of the graph hide tensors outside it that have the same name.
  for (const { name } of graph.input) scope.delete(name);
  for (const name of initialiserNames(graph)) scope.set(name, 'fixed');
  checkNodes(graph.node, scope, where);
}

function checkNodes(nodes: readonly onnx.NodeProto[], scope: Map<string, Origin>, where: string): void {
  for (const node of nodes) for (const name of writesOf(node)) scope.set(name, node);
  for (const node of nodes) {
    const isLoop = isDefaultDomain(node.domain) && node.opType === 'Loop';
    const [rounds = ''] = node.input;
    if (isLoop && (rounds === '' || !isKnown(rounds, scope, new Set()))) {
      const found = rounds === '' ? 'none' : `${rounds}, which depends on values`;
      throw new OfframpError(
        'MODEL_UNSUPPORTED',
        `${where}: expected a Loop with a number of rounds that is constant or follows from shapes; ${describeNode(node)} has ${found}`,
        {
          hint: 'Export the model without loops that depend on the data, for example traced instead of scripted.',
        },
      );
    }
    for (const subgraph of subgraphsOf(node)) checkGraph(subgraph, scope, where);
  }
}

/** Whether a tensor has the same value for all pictures of a shape. */
function isKnown(tensor: string, scope: Scope, visited: Set<string>): boolean {
  if (visited.has(tensor)) return true;
  visited.add(tensor);
  const origin = scope.get(tensor);
  if (origin === 'fixed') return true;
  if (!origin) return false;
  if (readsShapeOnly(origin)) return true;
  if (isRandom(origin)) return false;
  return readsOf(origin).every((name) => isKnown(name, scope, visited));
}
