import { onnx } from '#onnx';
import { dataFlow } from './graph.js';
import { tensorOf } from './graph-editor.js';
import { changed, type OnnxModel } from './model.js';
import { namesIn, takeName } from './names.js';
import { constantIntegers } from './tensor-data.js';

/**
 * Replaces a batch size that is written into the constant target shapes of Reshape nodes (exporters do
 * that when they trace a fixed batch) by "whatever is left" or, where another dimension is that already,
 * by "as in the input". Whether that is right is for a run to tell.
 * @param batch the size that may stand for the batch
 * @returns `null` where there is no such node
 */
export function repairBatch(model: OnnxModel, batch: number): OnnxModel | null {
  const graph = changed(onnx.GraphProto, model.graph, {
    node: [],
    initializer: [...model.graph.initializer],
  });
  const proto = changed(onnx.ModelProto, model.proto, { graph });
  const onPath = new Set(dataFlow(model.graph, model.input.name, model.output.name).nodes);
  const taken = namesIn(model.graph);
  let repairs = 0;
  graph.node = model.graph.node.map((node) => {
    const [data = '', shapeName = ''] = node.input;
    if (node.opType !== 'Reshape' || !onPath.has(node)) return node;
    const shape = constantIntegers(model.graph, shapeName);
    if (!shape || shape[0] !== BigInt(batch)) return node;
    repairs++;
    const rest = shape.slice(1);
    const repaired = BigInt64Array.from([rest.includes(-1n) ? 0n : -1n, ...rest]);
    const name = takeName(taken, `${shapeName}_any_batch`);
    graph.initializer.push(tensorOf(name, [repaired.length], repaired));
    return changed(onnx.NodeProto, node, { input: [data, name] });
  });
  return repairs === 0 ? null : { ...model, proto, graph };
}
