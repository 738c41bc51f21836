import { integers, operation, type Tensor } from '../tensor.js';

/** Sums over axes and keeps them with size 1. Defines no gradient. */
export function rawSum(x: Tensor, axes: readonly number[]): Tensor {
  const shape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return operation('ReduceSum', [x], shape, { axes, attributes: { keepdims: { i: 1 } } });
}

/** The same values in another shape. Defines no gradient. */
export function rawReshape(x: Tensor, shape: readonly number[]): Tensor {
  return operation('Reshape', [x, integers(shape)], shape, { type: x.type });
}

/** Permuted axes. Defines no gradient. */
export function rawTranspose(x: Tensor, permutation: readonly number[]): Tensor {
  const shape = permutation.map((axis) => x.shape[axis] as number);
  return operation('Transpose', [x], shape, { attributes: { perm: { ints: permutation } }, type: x.type });
}

/** A matrix product over the last two axes of operands with equal (or absent) leading axes. */
export function rawMatMul(a: Tensor, b: Tensor): Tensor {
  const leading = a.shape.length >= b.shape.length ? a.shape.slice(0, -2) : b.shape.slice(0, -2);
  return operation('MatMul', [a, b], [...leading, a.shape.at(-2) as number, b.shape.at(-1) as number]);
}

/** The last two axes exchanged. ONNX Runtime folds it into a product that follows. */
export function rawSwap(x: Tensor): Tensor {
  const rank = x.shape.length;
  return rawTranspose(x, [...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2]);
}
