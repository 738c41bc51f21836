import { conv } from '../operators/conv.js';
import { concat, reshape, slice, transpose, zeroPad } from '../operators/shapes.js';
import { filled, type Tensor } from '../tensor.js';
import type { Imported, NodeReader, NodeRule } from './node-reader.js';

/** What tensors were made of by Concat: a slice of exactly one part needs nothing of the others. */
const partsOf = new WeakMap<Tensor, { axis: number; parts: readonly Tensor[] }>();

/** What moves values, and changes none. */
export const shapeRules: readonly (readonly [string, NodeRule])[] = [
  ['Identity', (node) => node.tensor(0)],
  ['Dropout', (node) => node.tensor(0)],
  ['Flatten', flatten],
  ['Reshape', reshaped],
  ['Transpose', transposed],
  ['Concat', concatenated],
  ['Slice', sliced],
  ['Pad', padded],
  ['Squeeze', squeezed],
  ['Unsqueeze', unsqueezed],
];

function flatten(node: NodeReader): Tensor {
  const x = node.tensor(0);
  if (node.int('axis', 1) !== 1) node.refuse('expected the batch as the first axis');
  return reshape(x, [x.shape[0] as number, -1]);
}

function reshaped(node: NodeReader): Tensor {
  const x = node.tensor(0);
  const shape = node.integers(1, 'shape') ?? node.refuse('expected a constant shape');
  return reshape(
    x,
    shape.map((size, axis) => (size === 0 && node.int('allowzero', 0) === 0 ? (x.shape[axis] ?? 0) : size)),
  );
}

function transposed(node: NodeReader): Tensor {
  const x = node.tensor(0);
  return transpose(x, node.ints('perm') ?? x.shape.map((_, axis) => axis).reverse());
}

function concatenated(node: NodeReader): Tensor {
  const parts = node.node.input.map((_, input) => node.tensor(input));
  const y = concat(parts, node.int('axis', 0));
  partsOf.set(y, { axis: axisOf(node.int('axis', 0), y), parts });
  return y;
}

function sliced(node: NodeReader): Imported {
  let x = node.tensor(0);
  const starts = node.integers(1, 'starts') ?? node.refuse('expected constant starts');
  const ends = node.integers(2, 'ends') ?? node.refuse('expected constant ends');
  const axes = node.integers(3, 'axes') ?? starts.map((_, axis) => axis);
  const steps = node.integers(4, 'steps') ?? starts.map(() => 1);
  axes.forEach((given, i) => {
    const axis = axisOf(given, x);
    const size = x.shape[axis] as number;
    const within = (bound: number) => Math.max(0, Math.min(size, bound < 0 ? bound + size : bound));
    const [start, end] = [within(starts[i] as number), within(ends[i] as number)];
    const isWhole = start === 0 && end === size;
    if (!isWhole) x = partAt(x, axis, start, end) ?? slice(x, axis, start, end);
    const step = steps[i] ?? 1;
    if (step !== 1) x = everyOther(node, x, axis, step);
  });
  return x;
}

function partAt(x: Tensor, axis: number, start: number, end: number): Tensor | null {
  const found = partsOf.get(x);
  if (found?.axis !== axis) return null;
  let at = 0;
  for (const part of found.parts) {
    const size = part.shape[axis] as number;
    if (at === start && at + size === end) return part;
    at += size;
  }
  return null;
}

/** Every `step`-th row or column of a map, by a convolution with kernels of 1. */
function everyOther(node: NodeReader, x: Tensor, axis: number, step: number): Tensor {
  if (step < 1 || x.shape.length !== 4 || axis < 2)
    node.refuse('expected steps of 1, or along the sides of a map');
  const channels = x.shape[1] as number;
  const stride: [number, number] = axis === 2 ? [step, 1] : [1, step];
  return conv(x, filled(1, [channels, 1, 1, 1]), { stride, groups: channels });
}

function padded(node: NodeReader): Tensor {
  const x = node.tensor(0);
  const pads = node.integers(1, 'pads') ?? node.refuse('expected constant pads');
  const value = node.optionalTensor(2);
  const isZero = !value || (value.origin.kind === 'constant' && Number(value.origin.data[0]) === 0);
  const mode = node.text('mode', 'constant');
  if (mode !== 'constant' || !isZero) node.refuse('expected zeros as padding');
  if (node.integers(3, 'axes')) node.refuse('expected padding of all axes');
  const rank = x.shape.length;
  return zeroPad(x, pads.slice(0, rank), pads.slice(rank));
}

function squeezed(node: NodeReader): Tensor {
  const x = node.tensor(0);
  const axes = node.integers(1, 'axes')?.map((axis) => axisOf(axis, x));
  return reshape(
    x,
    x.shape.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1)),
  );
}

function unsqueezed(node: NodeReader): Tensor {
  const x = node.tensor(0);
  const axes = node.integers(1, 'axes') ?? node.refuse('expected constant axes');
  const rank = x.shape.length + axes.length;
  const added = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  const rest = [...x.shape];
  return reshape(
    x,
    Array.from({ length: rank }, (_, axis) => (added.includes(axis) ? 1 : (rest.shift() as number))),
  );
}

const axisOf = (axis: number, x: Tensor) => (axis < 0 ? axis + x.shape.length : axis);
