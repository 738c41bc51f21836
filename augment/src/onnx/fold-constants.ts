import { createSession } from '@offramp/bundle';
import type { InferenceSession } from 'onnxruntime-node';
import { onnx } from '#onnx';
import { dataFlow, pruned, readsOf, writesOf } from './graph.js';
import { changed } from './model.js';
import { weightOf } from './tensor-data.js';
import { writeModel } from './write-model.js';

/**
 * A model in which what the input does not determine is data: ONNX Runtime computes it, so no operator needs a rule here.
 * @param proto with one input
 * @param output the tensor that matters; nodes it does not depend on are left out
 */
export async function foldConstants(proto: onnx.ModelProto, output: string): Promise<onnx.ModelProto> {
  const graph = proto.graph as onnx.GraphProto;
  const { nodes, dynamic } = dataFlow(graph, graph.input[0]?.name ?? '', output);
  const computed = new Set(
    graph.node.filter((node) => !writesOf(node).some((name) => dynamic.has(name))).flatMap(writesOf),
  );
  const wanted = [...new Set(nodes.flatMap(readsOf))].filter((name) => computed.has(name));
  if (wanted.length === 0) return changed(onnx.ModelProto, proto, { graph: withNodes(graph, nodes, []) });
  const values = await valuesOf(proto, wanted);
  return changed(onnx.ModelProto, proto, { graph: withNodes(graph, nodes, values) });
}

function withNodes(
  graph: onnx.GraphProto,
  node: onnx.NodeProto[],
  values: readonly onnx.TensorProto[],
): onnx.GraphProto {
  return changed(onnx.GraphProto, graph, { node, initializer: [...graph.initializer, ...values] });
}

async function valuesOf(proto: onnx.ModelProto, wanted: readonly string[]): Promise<onnx.TensorProto[]> {
  const graph = proto.graph as onnx.GraphProto;
  // Under names of ours: those of a model may be any text, also what no object can have as a property.
  const names = wanted.map((_, i) => `folded_${i}`);
  const rename = wanted.map(
    (name, i) => new onnx.NodeProto({ opType: 'Identity', input: [name], output: [names[i] as string] }),
  );
  const needed = new Set(wanted.flatMap((name) => pruned(graph.node, name)));
  const folding = changed(onnx.GraphProto, graph, {
    node: [...graph.node.filter((node) => needed.has(node)), ...rename],
    input: [],
    output: names.map((name) => new onnx.ValueInfoProto({ name })),
    valueInfo: [],
  });
  const session = await createSession(writeModel(changed(onnx.ModelProto, proto, { graph: folding })), {
    logSeverityLevel: 4,
  });
  try {
    const results: InferenceSession.OnnxValueMapType = await session.run({});
    return names.flatMap((name, i) => {
      const tensor = results[name];
      return (tensor && weightOf(wanted[i] as string, tensor)) ?? [];
    });
  } finally {
    await session.release();
  }
}
