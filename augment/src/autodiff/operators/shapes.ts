import { elementsOf, formatShape } from '@offramp/bundle';
import {
  axisOf,
  constant,
  differentiable,
  expectRank,
  fail,
  filled,
  integers,
  operation,
  operations,
  type Tensor,
} from '../tensor.js';
import { mul } from './arithmetic.js';
import { rawReshape, rawTranspose } from './raw.js';

/**
 * The same values in another shape. One dimension may be −1, which is inferred. Write the batch as −1 in a graph
 * that will be exported, so that it takes any batch.
 */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const known = shape.reduce((product, size) => (size < 0 ? product : product * size), 1);
  const full = shape.map((size) => (size < 0 ? elementsOf(x.shape) / known : size));
  if (elementsOf(full) !== elementsOf(x.shape) || !full.every(Number.isInteger)) {
    fail('reshape', `expected a shape for ${formatShape(x.shape)}, found ${formatShape(shape)}`);
  }
  const y = operation('Reshape', [x, integers(shape)], full);
  return differentiable(y, [x, (dy) => rawReshape(dy, x.shape)]);
}

/** Merges all axes after the first. */
export function flatten(x: Tensor): Tensor {
  const [batch = 1, ...rest] = x.shape;
  const y = operation('Flatten', [x], [batch, elementsOf(rest)], { attributes: { axis: { i: 1 } } });
  return differentiable(y, [x, (dy) => rawReshape(dy, x.shape)]);
}

/** @param permutation for each axis of the result, the axis of `x` */
export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  const inverse = x.shape.map((_, axis) => permutation.indexOf(axis));
  if (permutation.length !== x.shape.length || inverse.includes(-1)) {
    fail('transpose', `expected a permutation of ${x.shape.length} axes, found ${permutation.join(', ')}`);
  }
  return differentiable(rawTranspose(x, permutation), [x, (dy) => rawTranspose(dy, inverse)]);
}

/** Concatenates tensors along an axis. Shapes may differ only there. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const [first] = tensors;
  if (!first) fail('concat', 'expected a tensor');
  const along = axisOf('concat', first, axis);
  const fits = (x: Tensor) =>
    x.shape.length === first.shape.length &&
    x.shape.every((size, i) => i === along || size === first.shape[i]);
  if (!tensors.every(fits)) {
    fail('concat', `expected shapes equal but for axis ${along}, found ${tensors.map(shapeText).join(', ')}`);
  }
  const starts = tensors.map((_, i) =>
    tensors.slice(0, i).reduce((total, x) => total + (x.shape[along] as number), 0),
  );
  const total = tensors.reduce((size, x) => size + (x.shape[along] as number), 0);
  const shape = first.shape.with(along, total);
  const y = operation('Concat', tensors, shape, { attributes: { axis: { i: along } } });
  return differentiable(
    y,
    ...tensors.map((x, i): [Tensor, (dy: Tensor) => Tensor] => {
      const start = starts[i] as number;
      return [x, (dy) => rawSlice(dy, along, start, start + (x.shape[along] as number))];
    }),
  );
}

/** The entries `start` … `end` − 1 along an axis. */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const along = axisOf('slice', x, axis);
  const size = x.shape[along] as number;
  if (!(start >= 0 && start < end && end <= size)) {
    fail('slice', `expected a range within 0 … ${size}, found ${start} … ${end}`);
  }
  return differentiable(rawSlice(x, along, start, end), [
    x,
    (dy) => {
      const before = x.shape.map((_, i) => (i === along ? start : 0));
      const after = x.shape.map((_, i) => (i === along ? size - end : 0));
      return operation('Pad', [dy, integers([...before, ...after])], x.shape);
    },
  ]);
}

/** Zeros around a tensor. @param before,after how many, per axis; none along the batch */
export function zeroPad(x: Tensor, before: readonly number[], after: readonly number[]): Tensor {
  const added = (axis: number) => (before[axis] ?? 0) + (after[axis] ?? 0);
  if (before.length !== x.shape.length || after.length !== x.shape.length || added(0) !== 0) {
    fail('zeroPad', `expected counts for each axis of ${formatShape(x.shape)} after the batch`);
  }
  const y = operation(
    'Pad',
    [x, integers([...before, ...after])],
    x.shape.map((size, axis) => size + added(axis)),
  );
  return differentiable(y, [
    x,
    (dy) =>
      x.shape.reduce(
        (cut, size, axis) =>
          added(axis) === 0 ? cut : rawSlice(cut, axis, before[axis] ?? 0, (before[axis] ?? 0) + size),
        dy,
      ),
  ]);
}

/**
 * One entry of every row.
 * @param x rows × columns
 * @param column int32 or int64, one column number per row
 * @returns one value per row
 */
export function gatherColumn(x: Tensor, column: Tensor): Tensor {
  expectRank('gatherColumn', x, 2);
  const [rows, columns] = x.shape as [number, number];
  expectRows('gatherColumn', column, rows);
  const index = operation('Reshape', [column, integers([-1, 1])], [rows, 1], { type: column.type });
  const picked = operation('GatherElements', [x, index], [rows, 1], { attributes: { axis: { i: 1 } } });
  const y = operation('Reshape', [picked, integers([-1])], [rows]);
  return differentiable(y, [x, (dy) => mul(rawReshape(dy, [rows, 1]), oneHot(column, columns))]);
}

/** rows × classes with a 1 at the class of every row, else 0. @param column int32 or int64, one class per row */
export function oneHot(column: Tensor, classes: number): Tensor {
  expectRank('oneHot', column, 1);
  const wide = operation('Cast', [column], column.shape, { type: 'int64', attributes: { to: { i: 7 } } });
  const offAndOn = constant(Float32Array.of(0, 1), [2]);
  return operation('OneHot', [wide, integers([classes]), offAndOn], [column.shape[0] as number, classes], {
    attributes: { axis: { i: 1 } },
  });
}

/**
 * The `k` largest along the last axis, largest first.
 * @param x rows × columns
 */
export function topK(x: Tensor, k: number): Tensor {
  expectRank('topK', x, 2);
  const [rows, columns] = x.shape as [number, number];
  if (!(k >= 1 && k <= columns)) fail('topK', `expected 1 … ${columns} values, found ${k}`);
  const shape = [rows, k];
  const [values, indices] = operations(
    'TopK',
    [x, integers([k])],
    [
      { shape, type: 'float32' },
      { shape, type: 'int64' },
    ],
    { attributes: { axis: { i: 1 } } },
  ) as [Tensor, Tensor];
  return differentiable(values, [
    x,
    (dy) =>
      operation('ScatterElements', [filled(0, x.shape), indices, dy], x.shape, {
        attributes: { axis: { i: 1 } },
      }),
  ]);
}

function rawSlice(x: Tensor, axis: number, start: number, end: number): Tensor {
  return operation(
    'Slice',
    [x, integers([start]), integers([end]), integers([axis])],
    x.shape.with(axis, end - start),
  );
}

function expectRows(operator: string, column: Tensor, rows: number): void {
  expectRank(operator, column, 1);
  if (column.shape[0] !== rows || column.type === 'float32') {
    fail(operator, `expected ${rows} column numbers, found ${shapeText(column)} of type ${column.type}`);
  }
}

function shapeText(x: Tensor): string {
  return formatShape(x.shape);
}
