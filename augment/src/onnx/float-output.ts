import { OfframpError } from '@offramp/runtime';
import { onnx } from '#onnx';
import { DataType, dataTypeName } from './data-type.js';
import { GraphEditor } from './graph-editor.js';
import { changed, isDefaultDomain, type OnnxModel } from './model.js';

/** Types of scores that are cast. */
const castable: ReadonlySet<string> = new Set(['float16', 'float64']);

/**
 * A model whose scores are float32: those of other floating-point types are cast, quantised ones are dequantised by the
 * scale that quantised them. Its output has no declared shape, which may hold the old batch size.
 * @throws OfframpError `MODEL_UNSUPPORTED` for an output that holds no scores
 */
export function withFloatOutput(model: OnnxModel): OnnxModel {
  const { where, output } = model;
  // Where no type is declared, the runs will tell.
  const type = dataTypeName(output.type?.tensorType?.elemType || DataType.float32);
  const graph = changed(onnx.GraphProto, model.graph, {
    node: [...model.graph.node],
    initializer: [...model.graph.initializer],
  });
  const proto = changed(onnx.ModelProto, model.proto, { graph });
  const name = type === 'float32' ? output.name : converted(new GraphEditor(proto), model, type);
  if (name === null) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${where}: expected output ${output.name} to hold scores as floating-point numbers; found ${type}`,
      {
        hint: 'Export the model up to its scores, without the operator that chooses a class or rounds them, such as ArgMax or Cast.',
      },
    );
  }
  const declared = new onnx.ValueInfoProto({ name });
  graph.output = [declared];
  return { ...model, proto, graph, output: declared };
}

/** @returns the name of the float32 scores; `null` where there are none */
function converted(editor: GraphEditor, { output, graph }: OnnxModel, type: string): string | null {
  const name = editor.uniqueName(`${output.name}_float32`);
  if (castable.has(type)) {
    editor.addNode('Cast', [output.name], [name], { to: { i: DataType.float32 } });
    return name;
  }
  const writer = graph.node.find((node) => node.output[0] === output.name);
  if (writer?.opType !== 'QuantizeLinear' || !isDefaultDomain(writer.domain)) return null;
  editor.addNode('DequantizeLinear', [output.name, ...writer.input.slice(1)], [name]);
  return name;
}
