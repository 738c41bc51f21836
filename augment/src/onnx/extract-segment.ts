import { OfframpError, offrampVersion } from '@offramp/runtime';
import { onnx } from '#onnx';
import { readsOf, withInnerNodes, writesOf } from './graph.js';
import { GraphEditor } from './graph-editor.js';
import { isDefaultDomain, type OnnxModel } from './model.js';
import { namesIn, renameNode, renameSparseTensor, renameTensor, takeName } from './names.js';
import type { BackboneProfile, CutPoint } from './profile.js';
import { addAsFloat32, addFromFloat32, castLate } from './segment-ends.js';
import type { StoredTensor } from './stored-tensor.js';
import { batchOf } from './value-info.js';

/** The names that the ends of a segment get. */
export interface SegmentNames {
  input: string;
  output: string;
  /** Names that tensors inside get, by what the backbone calls them. */
  inner?: ReadonlyMap<string, string>;
  /** Names to keep free for what will be appended. */
  reserved?: readonly string[];
}

/**
 * The part of a backbone from one cut point to another as a model of its own: the nodes between, the
 * constants they need, a dynamic batch dimension. Weights are shared with the backbone, not copied.
 * Nodes can be appended with `GraphEditor`. Its ends are float32, without loss, however the backbone holds the tensors there.
 *
 * @param from the cut point whose tensor goes in; `null`: the backbone's input
 * @param to the cut point whose tensor comes out; `null`: the backbone's output
 * @throws OfframpError `MODEL_UNSUPPORTED` for tensors that are no cut points or stand in the wrong order
 */
export function extractSegment(
  backbone: BackboneProfile,
  from: string | null,
  to: string | null,
  names: SegmentNames,
): onnx.ModelProto {
  const { model } = backbone;
  const source = from ?? model.input.name;
  const target = to ?? model.output.name;
  const begin: SegmentEnd = from === null ? backbone.input : cutPointOf(backbone, from);
  const end: SegmentEnd = to === null ? { shape: [backbone.output.classes] } : cutPointOf(backbone, to);
  const nodes = nodesBetween(model, source, target);

  const graph = new onnx.GraphProto({ name: 'segment', node: nodes });
  const inner = namesIn(graph);
  const wanted = [names.input, names.output, ...(names.inner?.values() ?? []), ...(names.reserved ?? [])];
  const taken = new Set([...inner, ...wanted]);
  const renames = new Map<string, string>();
  for (const name of wanted) {
    if (inner.has(name)) renames.set(name, takeName(taken, `${name}_inner`));
  }
  for (const [tensor, name] of names.inner ?? []) renames.set(tensor, name);
  const storedInput = begin.stored ? takeName(taken, `${names.input}_stored`) : names.input;
  const convertsOutput = end.stored !== undefined && end.stored.type !== 'float32';
  const storedOutput = convertsOutput ? takeName(taken, `${names.output}_stored`) : names.output;
  renames.set(source, storedInput);
  renames.set(target, storedOutput);

  const used = new Set(nodes.flatMap(readsOf));
  graph.node = nodes.map((node) => renameNode(node, renames));
  graph.initializer = model.graph.initializer
    .filter(({ name }) => used.has(name) && name !== source)
    .map((tensor) => renameTensor(tensor, renames));
  graph.sparseInitializer = model.graph.sparseInitializer
    .filter(({ values }) => used.has(values?.name ?? ''))
    .map((tensor) => renameSparseTensor(tensor, renames));
  graph.input = [batchOf(names.input, begin.shape)];
  graph.output = [batchOf(names.output, end.shape)];

  const functions = functionsOf(model.proto, nodes);
  const domains = new Set(
    [...nodes, ...functions.flatMap((entry) => entry.node)]
      .flatMap(withInnerNodes)
      .map(({ domain }) => domain),
  );
  const proto = new onnx.ModelProto({
    irVersion: model.proto.irVersion,
    producerName: 'offramp',
    producerVersion: offrampVersion,
    graph,
    functions,
    opsetImport: model.proto.opsetImport.filter(
      ({ domain }) => isDefaultDomain(domain) || domains.has(domain),
    ),
  });
  const editor = new GraphEditor(proto);
  const segment = graph.node;
  graph.node = [];
  if (begin.stored) addFromFloat32(editor, names.input, begin.stored, storedInput);
  graph.node.push(...segment);
  if (begin.stored?.type === 'float16') castLate(editor);
  if (end.stored && convertsOutput) addAsFloat32(editor, storedOutput, end.stored, names.output);
  return proto;
}

interface SegmentEnd {
  /** Of one sample. */
  shape: readonly number[];
  stored?: StoredTensor | undefined;
}

function cutPointOf(backbone: BackboneProfile, tensor: string): CutPoint {
  const found = backbone.cutPoints.find((cutPoint) => cutPoint.tensor === tensor);
  if (!found) {
    throw new OfframpError('MODEL_UNSUPPORTED', `${backbone.model.where}: ${tensor} is no cut point`, {
      hint: '`offramp inspect MODEL --all` lists the cut points.',
    });
  }
  return found;
}

/** What computes `target` from `source`, constants included, in order. */
function nodesBetween(model: OnnxModel, source: string, target: string): onnx.NodeProto[] {
  const needed = new Set([target]);
  const nodes: onnx.NodeProto[] = [];
  for (const node of model.graph.node.toReversed()) {
    if (!writesOf(node).some((name) => needed.has(name) && name !== source)) continue;
    nodes.push(node);
    for (const name of readsOf(node)) needed.add(name);
  }
  const wrongOrder = source !== model.input.name && needed.has(model.input.name);
  if (nodes.length === 0 || !needed.has(source) || wrongOrder) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${model.where}: expected ${source} to stand before ${target} on every path`,
    );
  }
  return nodes.reverse();
}

/** The functions of the model that nodes call, and those that these call. */
function functionsOf(proto: onnx.ModelProto, nodes: readonly onnx.NodeProto[]): onnx.FunctionProto[] {
  const found = new Set<onnx.FunctionProto>();
  const visit = (called: readonly onnx.NodeProto[]) => {
    for (const { domain, opType } of called.flatMap(withInnerNodes)) {
      for (const entry of proto.functions) {
        if (entry.domain !== domain || entry.name !== opType || found.has(entry)) continue;
        found.add(entry);
        visit(entry.node);
      }
    }
  };
  visit(nodes);
  return proto.functions.filter((entry) => found.has(entry));
}
