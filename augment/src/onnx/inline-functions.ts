import { OfframpError } from '@offramp/runtime';
import { onnx } from '#onnx';
import { describeNode } from './graph.js';
import { changed, isDefaultDomain, maxModelBytes, opsetOf, withInnerGraphs } from './model.js';
import { namesIn, renameNode, takeName } from './names.js';

/** Nodes that calls of functions may become. A short model whose functions call each other could otherwise grow without bound. */
export const maxInlinedNodes = 2 ** 17;

/** How deep calls of functions may be nested. */
export const maxCallDepth = 100;

/**
 * Puts what a model's own functions do in place of their calls, so that it can be cut there and its cost counted. Calls of
 * functions in another version of the operator set stay.
 * @throws OfframpError `MODEL_INVALID` for functions that call themselves, `MODEL_UNSUPPORTED` for too many nodes
 */
export function inlineFunctions(proto: onnx.ModelProto, where: string): onnx.ModelProto {
  const { graph, functions } = proto;
  if (!graph || functions.length === 0) return proto;
  const opset = opsetOf(proto);
  const inlinable = functions.filter((entry) => versionOf(entry, opset) === opset);
  const inliner = new Inliner(inlinable, graph, where);
  return changed(onnx.ModelProto, proto, {
    graph: changed(onnx.GraphProto, graph, { node: inliner.inlined(graph.node, []) }),
    // Those that stay may call the others.
    functions: inlinable.length === functions.length ? [] : functions,
    opsetImport: withImportsOf(proto, inlinable),
  });
}

class Inliner {
  private readonly functions: ReadonlyMap<string, onnx.FunctionProto>;
  private readonly sizes: ReadonlyMap<string, number>;
  private readonly taken: Set<string>;
  private nodes = 0;
  private bytes = 0;

  constructor(
    functions: readonly onnx.FunctionProto[],
    graph: onnx.GraphProto,
    private readonly where: string,
  ) {
    this.functions = new Map(functions.map((entry) => [keyOf(entry), entry]));
    this.sizes = new Map(functions.map((entry) => [keyOf(entry), onnx.FunctionProto.encode(entry).len]));
    this.taken = namesIn(graph);
  }

  /** Nodes with all calls replaced, those in inner graphs as well. @param within keys of the functions that they are in */
  inlined(nodes: readonly onnx.NodeProto[], within: readonly string[]): onnx.NodeProto[] {
    return nodes.flatMap((node) => {
      this.countNode();
      const key = keyOf({ ...node, name: node.opType });
      const called = this.functions.get(key);
      if (!called) return [withInnerGraphs(node, (graph) => this.inlinedIn(graph, within))];
      this.checkCall(node, key, within);
      // Numbered, because looking for a free name by trial takes long when there are many.
      const number = this.nodes;
      const body = bodyOf(called, node, (name) => takeName(this.taken, `${name}_${number}`));
      return this.inlined(body, [...within, key]);
    });
  }

  private inlinedIn(graph: onnx.GraphProto, within: readonly string[]): onnx.GraphProto {
    return changed(onnx.GraphProto, graph, { node: this.inlined(graph.node, within) });
  }

  private countNode(): void {
    this.nodes++;
    if (this.nodes > maxInlinedNodes) {
      throw this.unsupported(`functions that come to at most ${maxInlinedNodes} nodes; found more`);
    }
  }

  private checkCall(node: onnx.NodeProto, key: string, within: readonly string[]): void {
    if (within.includes(key)) {
      throw new OfframpError(
        'MODEL_INVALID',
        `${this.where}: the function of ${describeNode(node)} calls itself`,
      );
    }
    if (within.length >= maxCallDepth) {
      throw this.unsupported(
        `functions that call each other at most ${maxCallDepth} deep; found deeper calls`,
      );
    }
    this.bytes += this.sizes.get(key) ?? 0;
    if (this.bytes > maxModelBytes) {
      throw this.unsupported(`functions that come to at most ${maxModelBytes} bytes; found more`);
    }
  }

  private unsupported(expected: string): OfframpError {
    return new OfframpError('MODEL_UNSUPPORTED', `${this.where}: expected ${expected}`);
  }
}

const keyOf = ({ domain, name, overload = '' }: { domain: string; name: string; overload?: string }) =>
  JSON.stringify([domain, name, overload]);

function versionOf({ opsetImport }: onnx.FunctionProto, otherwise: number): number {
  const own = opsetImport.find(({ domain }) => isDefaultDomain(domain));
  return own ? own.version.toNumber() : otherwise;
}

/** The model's imports, and those of the functions for other domains. */
function withImportsOf(
  proto: onnx.ModelProto,
  functions: readonly onnx.FunctionProto[],
): onnx.OperatorSetIdProto[] {
  const imports = new Map(functions.flatMap((entry) => entry.opsetImport.map((one) => [one.domain, one])));
  const known = new Set(proto.opsetImport.map(({ domain }) => domain));
  return [
    ...proto.opsetImport,
    ...[...imports.values()].filter(({ domain }) => !known.has(domain) && !isDefaultDomain(domain)),
  ];
}

/** The nodes of a function, for one call of it. @param take finds a free name for what is inside */
function bodyOf(
  called: onnx.FunctionProto,
  call: onnx.NodeProto,
  take: (name: string) => string,
): onnx.NodeProto[] {
  const names = new Map(called.input.map((name, i) => [name, call.input[i] ?? '']));
  called.output.forEach((name, i) => {
    const output = call.output[i];
    if (output) names.set(name, output);
  });
  for (const name of namesIn(new onnx.GraphProto({ node: called.node }))) {
    if (name !== '' && !names.has(name)) names.set(name, take(name));
  }
  const given = new Map([...called.attributeProto, ...call.attribute].map((entry) => [entry.name, entry]));
  return called.node.map((node) => {
    const renamed = renameNode(withAttributes(node, given), names);
    return changed(onnx.NodeProto, renamed, { name: node.name && take(node.name) });
  });
}

/** A node with the values of a call's attributes where it refers to them; one that is not given is left out. */
function withAttributes(
  node: onnx.NodeProto,
  given: ReadonlyMap<string, onnx.AttributeProto>,
): onnx.NodeProto {
  const own = changed(onnx.NodeProto, node, {
    attribute: node.attribute.flatMap((attribute) => {
      if (attribute.refAttrName === '') return [attribute];
      const value = given.get(attribute.refAttrName);
      return value ? [changed(onnx.AttributeProto, value, { name: attribute.name })] : [];
    }),
  });
  return withInnerGraphs(own, (graph) =>
    changed(onnx.GraphProto, graph, { node: graph.node.map((entry) => withAttributes(entry, given)) }),
  );
}
