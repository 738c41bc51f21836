import Long from 'long';
import { onnx } from '#onnx';
import { dataTypeOf } from '../data-type.js';
import { GraphEditor } from '../graph-editor.js';
import type { OnnxModel } from '../model.js';
import { readModel } from '../read-model.js';
import { writeModel } from '../write-model.js';

/** How a small model for a test starts and ends. */
export interface SmallModel {
  /** Of one sample. Default: 4 */
  inputShape?: readonly number[];
  /** Default: 17 */
  opset?: number;
  /** Of one sample. Default: 3 */
  outputShape?: readonly number[];
  /** Element types. Default: float32 */
  inputType?: string;
  outputType?: string;
}

/** The bytes of a model with input `x` and output `y` whose nodes `build` adds. */
export function smallModelBytes(build: (editor: GraphEditor) => void, options: SmallModel = {}): Uint8Array {
  const editor = GraphEditor.create('x', options.inputShape ?? [4], options.opset ?? 17);
  build(editor);
  editor.addOutput('y', options.outputShape ?? [3]);
  setType(editor.graph.input, options.inputType);
  setType(editor.graph.output, options.outputType);
  return writeModel(editor.proto);
}

function setType([value]: readonly onnx.ValueInfoProto[], name = 'float32'): void {
  const tensor = value?.type?.tensorType;
  if (tensor) tensor.elemType = dataTypeOf(name) ?? 0;
}

/** {@link smallModelBytes}, read again. */
export function smallModel(build: (editor: GraphEditor) => void, options: SmallModel = {}): OnnxModel {
  return readModel(smallModelBytes(build, options), 'small.onnx');
}

/**
 * {@link smallModel} with its input declared in another way, batch first: strings are open dimensions, `null` is no
 * shape at all.
 */
export function redeclaredModel(
  build: (editor: GraphEditor) => void,
  dimensions: readonly (number | string)[] | null,
  options: SmallModel = {},
): OnnxModel {
  const model = smallModel(build, options);
  const type = model.input.type?.tensorType;
  const dim = dimensions?.map(
    (size) =>
      new onnx.TensorShapeProto.Dimension(
        typeof size === 'number' ? { dimValue: Long.fromNumber(size) } : { dimParam: size },
      ),
  );
  if (type) type.shape = dim ? new onnx.TensorShapeProto({ dim }) : null;
  return readModel(writeModel(model.proto), model.where);
}

/** A weight whose values differ and are small. */
export function addWeight(editor: GraphEditor, name: string, dims: readonly number[]): string {
  const count = dims.reduce((product, size) => product * size, 1);
  return editor.addInitializer(
    name,
    dims,
    Float32Array.from({ length: count }, (_, i) => Math.cos(7 * i) / 2),
  );
}

/** The error that a promise or function ends with. */
export async function failureOf(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return error;
  }
  throw new Error('expected a failure');
}
