import { elementsOf } from '@offramp/bundle';
import type { GraphEditor } from '../onnx/graph-editor.js';

/**
 * How an exit's answer is passed to the next stage: as extra rows (channels, tokens, elements) at the end of
 * the activation, so that an activation stays a single tensor.
 */
export interface CarriedShape {
  /** Shape of one sample of the activation alone. */
  shape: readonly number[];
  /** Numbers carried. */
  width: number;
}

/** Shape of one sample with the carried numbers. */
export function carriedShape({ shape, width }: CarriedShape): number[] {
  return width === 0 ? [...shape] : [(shape[0] as number) + extraRows({ shape, width }), ...shape.slice(1)];
}

function extraRows({ shape, width }: CarriedShape): number {
  return Math.ceil(width / elementsOf(shape.slice(1)));
}

/**
 * Appends `carried` (batch × width) to an activation (batch × shape), padded with zeros.
 * @param output name of the result, batch × `carriedShape(…)`
 */
export function addCarried(
  editor: GraphEditor,
  activation: string,
  carried: string,
  geometry: CarriedShape,
  output: string,
): void {
  const { shape, width } = geometry;
  const rows = extraRows(geometry);
  const padding = rows * elementsOf(shape.slice(1)) - width;
  const filled = editor.uniqueName('carried_filled');
  if (padding > 0) {
    const pads = editor.addInitializer('carried_pads', [4], BigInt64Array.of(0n, 0n, 0n, BigInt(padding)));
    editor.addNode('Pad', [carried, pads], [filled]);
  } else {
    editor.addNode('Identity', [carried], [filled]);
  }
  const target = [-1, rows, ...shape.slice(1)];
  const shaped = editor.uniqueName('carried_rows');
  const to = editor.addInitializer('carried_shape', [target.length], BigInt64Array.from(target.map(BigInt)));
  editor.addNode('Reshape', [filled, to], [shaped]);
  editor.addNode('Concat', [activation, shaped], [output], { axis: { i: 1 } });
}

/**
 * Splits the result of {@link addCarried}.
 * @param activation name of the split activation, batch × shape
 * @returns the name of the carried numbers, batch × width
 */
export function splitCarried(
  editor: GraphEditor,
  input: string,
  geometry: CarriedShape,
  activation: string,
): string {
  const { shape, width } = geometry;
  const channels = shape[0] as number;
  const slice = (from: string, start: number, end: number, to: string) => {
    const index = (name: string, value: number) =>
      editor.addInitializer(name, [1], BigInt64Array.of(BigInt(value)));
    const bounds = [index('slice_start', start), index('slice_end', end), index('slice_axis', 1)];
    editor.addNode('Slice', [from, ...bounds], [to]);
  };
  slice(input, 0, channels, activation);
  const rows = editor.uniqueName('carried_rows');
  const flat = editor.uniqueName('carried_flat');
  const carried = editor.uniqueName('carried');
  slice(input, channels, channels + extraRows(geometry), rows);
  editor.addNode('Flatten', [rows], [flat], { axis: { i: 1 } });
  slice(flat, 0, width, carried);
  return carried;
}
