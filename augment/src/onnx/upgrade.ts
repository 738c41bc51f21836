import { OfframpError } from '@offramp/runtime';
import Long from 'long';
import { onnx } from '#onnx';
import { describeNode } from './graph.js';
import { attributeOf, tensorOf } from './graph-editor.js';
import { changed, isDefaultDomain, opsetOf, withInnerGraphs } from './model.js';
import { namesIn, takeName } from './names.js';
import { type Rewriting, rewritings } from './upgrade-rules.js';
import { declaredShape } from './value-info.js';

/** The oldest operator set that is read: broadcasting was another before. */
export const oldestOpset = 7;
/** The operator set that older models are brought to: branches are written in operators of this one. */
export const currentOpset = 13;
export const upgradeHint = `Export it with opset_version=${currentOpset} or newer, or convert it: onnx.version_converter.convert_version(model, ${currentOpset}).`;
/** Of the format, for {@link currentOpset}. */
const irVersion = 7;

/**
 * Brings a model of an older operator set to {@link currentOpset}, as the ONNX specification says what changed. Models of
 * newer ones are returned as they are.
 * @throws OfframpError `MODEL_UNSUPPORTED` for an operator set that is too old, and for nodes that cannot be brought
 */
export function upgrade(proto: onnx.ModelProto, where: string): onnx.ModelProto {
  const opset = opsetOf(proto);
  if (opset >= currentOpset || !proto.graph) return proto;
  if (opset < oldestOpset) throw tooOld(where, `${opset}`);
  const { graph: old } = proto;
  const ranks = new Map(
    [...old.input, ...old.output, ...old.valueInfo].flatMap((value) => {
      const rank = declaredShape(value)?.length;
      return rank === undefined ? [] : [[value.name, rank] as const];
    }),
  );
  const graph = upgradeGraph(old, { opset, where, taken: namesIn(old), ranks });
  return changed(onnx.ModelProto, proto, {
    graph,
    irVersion: Long.fromNumber(Math.max(irVersion, proto.irVersion.toNumber())),
    opsetImport: proto.opsetImport.map((entry) =>
      isDefaultDomain(entry.domain)
        ? changed(onnx.OperatorSetIdProto, entry, { version: Long.fromNumber(currentOpset) })
        : entry,
    ),
  });
}

function tooOld(where: string, found: string): OfframpError {
  return new OfframpError(
    'MODEL_UNSUPPORTED',
    `${where}: expected operator set ${oldestOpset} or newer, found ${found}`,
    { hint: upgradeHint },
  );
}

interface Context {
  opset: number;
  where: string;
  taken: Set<string>;
  /** Of the tensors that are declared with a shape. */
  ranks: ReadonlyMap<string, number>;
}

function upgradeGraph(graph: onnx.GraphProto, context: Context): onnx.GraphProto {
  return changed(onnx.GraphProto, graph, {
    node: graph.node.flatMap((node) =>
      upgradeNode(
        withInnerGraphs(node, (inner) => upgradeGraph(inner, context)),
        context,
      ),
    ),
  });
}

function upgradeNode(node: onnx.NodeProto, { opset, where, taken, ranks }: Context): onnx.NodeProto[] {
  const rule = isDefaultDomain(node.domain) ? rewritings.get(node.opType) : undefined;
  if (!rule || opset >= rule.until) return [node];
  const nodes: onnx.NodeProto[] = [];
  const constant = (name: string, tensor: onnx.TensorProto) => {
    const output = takeName(taken, `${node.output[0] ?? node.opType}_${name}`);
    nodes.push(
      new onnx.NodeProto({
        opType: 'Constant',
        output: [output],
        attribute: [attributeOf('value', { t: tensor })],
      }),
    );
    return output;
  };
  const rewriting: Rewriting = {
    node,
    opset,
    attribute: (name) => node.attribute.find((attribute) => attribute.name === name),
    integers: (name, values) =>
      constant(
        name,
        tensorOf(
          '',
          [values.length],
          BigInt64Array.from(values, (value) => BigInt(value.toString())),
        ),
      ),
    constant: (name, dims, values) => constant(name, tensorOf('', dims, Float32Array.from(values))),
    rank: (tensor) => ranks.get(tensor),
    write: (opType, inputs, attributes = {}) => {
      const output = takeName(taken, `${node.output[0] ?? node.opType}_${opType.toLowerCase()}`);
      nodes.push(
        new onnx.NodeProto({
          opType,
          input: [...inputs],
          output: [output],
          attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
        }),
      );
      return output;
    },
    refuse: (what) => {
      throw tooOld(where, `${opset} with ${describeNode(node)}, ${what}, which has no equivalent now`);
    },
  };
  nodes.push(rule.rewrite(rewriting));
  return nodes;
}
