import { onnx } from '#onnx';
import { subgraphsOf } from './graph.js';

/** The limit of the format itself: a protobuf message is smaller than 2 GiB. */
export const maxModelBytes = 2 ** 31 - 1;

/**
 * A classifier as ONNX holds it: one input of numbers, one output, weights inside the file, an operator set that is not old. The
 * nodes stand in topological order and initialisers are not listed among the graph's inputs.
 */
export interface OnnxModel {
  /** Where it came from, for messages. */
  readonly where: string;
  readonly proto: onnx.ModelProto;
  readonly graph: onnx.GraphProto;
  readonly input: onnx.ValueInfoProto;
  readonly output: onnx.ValueInfoProto;
  /** Version of the default operator set. */
  readonly opset: number;
  /** The model as its file has it, if that is of an older operator set. */
  readonly older: OnnxModel | null;
}

/** Whether an operator set or node domain is the default one. */
export function isDefaultDomain(domain: string): boolean {
  return domain === '' || domain === 'ai.onnx';
}

/** Version of the default operator set, 0 where none is named. */
export function opsetOf(proto: onnx.ModelProto): number {
  return proto.opsetImport.find(({ domain }) => isDefaultDomain(domain))?.version.toNumber() ?? 0;
}

/** A message with some fields changed; what the reader did not know goes along. */
export function changed<T extends { $unknowns?: Uint8Array[] }>(
  Type: new (properties: T) => T,
  message: T,
  changes: Partial<T>,
): T {
  const copy = new Type({ ...message, ...changes });
  if (message.$unknowns) copy.$unknowns = message.$unknowns;
  return copy;
}

/** A node with other graphs inside it; itself where it has none. */
export function withInnerGraphs(
  node: onnx.NodeProto,
  change: (graph: onnx.GraphProto) => onnx.GraphProto,
): onnx.NodeProto {
  if (subgraphsOf(node).length === 0) return node;
  return changed(onnx.NodeProto, node, {
    attribute: node.attribute.map((attribute) =>
      changed(onnx.AttributeProto, attribute, {
        ...(attribute.g ? { g: change(attribute.g) } : {}),
        graphs: attribute.graphs.map(change),
      }),
    ),
  });
}
