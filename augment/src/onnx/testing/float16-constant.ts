import { codecNamed } from '@offramp/bundle';
import Long from 'long';
import { onnx } from '#onnx';
import { DataType } from '../data-type.js';
import type { GraphEditor } from '../graph-editor.js';

/** Adds a constant of float16. */
export function addFloat16(
  editor: GraphEditor,
  name: string,
  dims: readonly number[],
  values: Float32Array,
): string {
  const unique = editor.uniqueName(name);
  const rawData = codecNamed('float16').encode(values, { shape: dims })?.data;
  if (!rawData) throw new RangeError(`${name}: expected values that float16 holds`);
  editor.graph.initializer.push(
    new onnx.TensorProto({
      name: unique,
      dims: dims.map((size) => Long.fromNumber(size)),
      dataType: DataType.float16,
      rawData,
    }),
  );
  return unique;
}
