import type { onnx } from '#onnx';
import { DataType } from './data-type.js';
import { readsOf, writesOf } from './graph.js';
import type { GraphEditor } from './graph-editor.js';
import { isDefaultDomain } from './model.js';
import { microsoftDomain, type Quantisation } from './quantisation.js';
import type { StoredTensor } from './stored-tensor.js';

/** From here on the standard quantises to 16 bits, too. */
const opsetWith16Bits = 21;

/**
 * Where ONNX Runtime has no float16 kernels it computes in float32, and leaves out the roundings of casts whose names begin
 * so. Without it, a tensor at a cut would be rounded to float16, which it is not in the whole model.
 */
const freeCast = 'InsertedPrecisionFreeCast_';

/** Operators that move elements of any type. Casts around them are not left out. */
const moving = new Set([
  ...['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Slice', 'Gather', 'Expand'],
  ...['Tile', 'DepthToSpace', 'SpaceToDepth'],
]);

/**
 * Appends what makes float32 of a tensor of another type.
 * @param output name of the result
 */
export function addAsFloat32(
  editor: GraphEditor,
  tensor: string,
  { quantisation }: StoredTensor,
  output: string,
): void {
  if (quantisation) addLinear(editor, 'DequantizeLinear', tensor, output, quantisation);
  else castEarly(editor, addCast(editor, tensor, output, DataType.float32));
}

/**
 * Appends what makes the tensor of its values in float32. Dequantised integers are quantised and dequantised again: ONNX Runtime
 * makes integer kernels of operators between such pairs.
 * @param output name of the tensor
 */
export function addFromFloat32(
  editor: GraphEditor,
  values: string,
  { type, quantisation }: StoredTensor,
  output: string,
): void {
  if (!quantisation) {
    addCast(editor, values, output, DataType[type]);
  } else if (type === 'float32') {
    const integers = editor.uniqueName(`${output}_quantised`);
    addLinear(editor, 'QuantizeLinear', values, integers, quantisation);
    addLinear(editor, 'DequantizeLinear', integers, output, quantisation);
  } else {
    addLinear(editor, 'QuantizeLinear', values, output, quantisation);
  }
}

function addCast(editor: GraphEditor, input: string, output: string, to: number): onnx.NodeProto {
  editor.addNode('Cast', [input], [output], { to: { i: to } });
  const cast = editor.graph.node.at(-1) as onnx.NodeProto;
  cast.name = `${freeCast}${output}`;
  return cast;
}

/** Moves a cast before operators that move elements and that it alone reads. */
function castEarly(editor: GraphEditor, cast: onnx.NodeProto): void {
  const { graph } = editor;
  for (;;) {
    const [tensor = ''] = cast.input;
    const writer = graph.node.find((node) => writesOf(node).includes(tensor));
    const readers = graph.node.filter((node) => readsOf(node).includes(tensor));
    if (!writer || !isMoving(writer) || readers.length > 1) return;
    const between = editor.uniqueName(`${tensor}_float32`);
    writer.output = cast.output;
    cast.output = [between];
    cast.input = writer.input.slice(0, 1);
    writer.input = [between, ...writer.input.slice(1)];
    moveNode(graph, cast, graph.node.indexOf(writer));
  }
}

/** Moves the cast that a segment begins with behind operators that move elements and alone read what it gives. */
export function castLate(editor: GraphEditor): void {
  const { graph } = editor;
  const [cast] = graph.node;
  if (!cast?.name.startsWith(freeCast)) return;
  for (;;) {
    const [tensor = ''] = cast.output;
    const [reader, ...others] = graph.node.filter((node) => readsOf(node).includes(tensor));
    if (!reader || !isMoving(reader) || others.length > 0 || reader.input.lastIndexOf(tensor) !== 0) return;
    const between = editor.uniqueName(`${tensor}_float32`);
    reader.input = [...cast.input, ...reader.input.slice(1)];
    cast.input = [between];
    cast.output = reader.output;
    reader.output = [between];
    moveNode(graph, cast, graph.node.indexOf(reader));
  }
}

function isMoving({ opType, domain, output }: onnx.NodeProto): boolean {
  return isDefaultDomain(domain) && moving.has(opType) && output.length === 1;
}

/** @param to index, counted as if the node were still in its place */
function moveNode(graph: onnx.GraphProto, node: onnx.NodeProto, to: number): void {
  const from = graph.node.indexOf(node);
  graph.node.splice(from, 1);
  graph.node.splice(to, 0, node);
}

function addLinear(
  editor: GraphEditor,
  operator: 'QuantizeLinear' | 'DequantizeLinear',
  input: string,
  output: string,
  { type, scale, zeroPoint }: Quantisation,
): void {
  const isWide = type.endsWith('16') && editor.opset < opsetWith16Bits;
  const constants = [
    editor.addInitializer(`${output}_scale`, [], Float32Array.of(scale)),
    editor.addInitializer(`${output}_zero_point`, [], arrayOf(type, zeroPoint)),
  ];
  editor.addNode(isWide ? `${microsoftDomain}.${operator}` : operator, [input, ...constants], [output]);
}

function arrayOf(type: Quantisation['type'], value: number) {
  if (type === 'uint8') return Uint8Array.of(value);
  if (type === 'int8') return Int8Array.of(value);
  return type === 'uint16' ? Uint16Array.of(value) : Int16Array.of(value);
}
