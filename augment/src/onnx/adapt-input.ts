import { onnx } from '#onnx';
import { dataTypeOf } from './data-type.js';
import { GraphEditor } from './graph-editor.js';
import { integerRanges, type ModelInput } from './input-layout.js';
import { changed, type OnnxModel } from './model.js';
import { batchOf } from './value-info.js';

/** From here on there is Round, and Clip takes its bounds as inputs. */
const opsetWithRound = 11;

/**
 * A model whose input is float32 and, if it is a picture, has the channels first: what brings it to the type and layout that
 * the model was made for stands before the model's own nodes. ONNX Runtime cancels a Transpose there with the model's own.
 * @returns the given model with a dynamic batch where nothing else is to be done
 */
export function adaptInput(model: OnnxModel, { kind, shape, type, layout }: ModelInput): OnnxModel {
  const isTransposed = kind === 'picture' && layout === 'channels-last';
  const { name } = model.input;
  if (type === 'float32' && !isTransposed) return withInput(model, batchOf(name, shape), []);
  const graph = changed(onnx.GraphProto, model.graph, { initializer: [...model.graph.initializer] });
  const editor = new GraphEditor(changed(onnx.ModelProto, model.proto, { graph }));
  const own = graph.node;
  graph.node = [];
  const input = batchOf(editor.uniqueName(`${name}_float32`), shape);
  const steps = stepsFor(editor, type, isTransposed);
  let tensor = input.name;
  steps.forEach(({ operator, inputs = [], attributes = {} }, i) => {
    const output = i === steps.length - 1 ? name : editor.uniqueName(`${name}_${operator.toLowerCase()}`);
    editor.addNode(operator, [tensor, ...inputs], [output], attributes);
    tensor = output;
  });
  return withInput({ ...model, proto: editor.proto, graph }, input, [...graph.node, ...own]);
}

interface Step {
  operator: string;
  /** Beside the sample. */
  inputs?: readonly string[];
  attributes?: Parameters<GraphEditor['addNode']>[3];
}

function stepsFor(editor: GraphEditor, type: string, isTransposed: boolean): Step[] {
  const steps: Step[] = [];
  const range = integerRanges.get(type);
  if (range) steps.push(...roundingSteps(editor, range));
  if (type !== 'float32') steps.push({ operator: 'Cast', attributes: { to: { i: dataTypeOf(type) ?? 0 } } });
  // Of the smaller type, so that fewer bytes are moved.
  if (isTransposed) steps.push({ operator: 'Transpose', attributes: { perm: { ints: [0, 2, 3, 1] } } });
  return steps;
}

/** What a Cast makes of other values is not defined. */
function roundingSteps(editor: GraphEditor, [least, largest]: readonly [number, number]): Step[] {
  const constant = (name: string, value: number) => editor.addInitializer(name, [], Float32Array.of(value));
  if (editor.opset >= opsetWithRound) {
    return [
      { operator: 'Round' },
      { operator: 'Clip', inputs: [constant('input_least', least), constant('input_largest', largest)] },
    ];
  }
  return [
    { operator: 'Add', inputs: [constant('input_half', 0.5)] },
    { operator: 'Floor' },
    { operator: 'Clip', attributes: { min: { f: least }, max: { f: largest } } },
  ];
}

/** @param nodes none: the model's own */
function withInput(
  model: OnnxModel,
  input: onnx.ValueInfoProto,
  nodes: readonly onnx.NodeProto[],
): OnnxModel {
  // The declared inner shapes may hold the old batch size; ONNX Runtime infers them again.
  const graph = changed(onnx.GraphProto, model.graph, {
    input: [input],
    valueInfo: [],
    ...(nodes.length > 0 ? { node: [...nodes] } : {}),
  });
  return { ...model, proto: changed(onnx.ModelProto, model.proto, { graph }), graph, input };
}
