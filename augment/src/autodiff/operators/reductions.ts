import { elementsOf } from '@offramp/bundle';
import { axisOf, differentiable, integers, operation, type Tensor } from '../tensor.js';
import { mul } from './arithmetic.js';
import { rawReshape } from './raw.js';

export interface ReductionOptions {
  /** Axes to reduce; negative ones count from the back. Default: all */
  axes?: readonly number[];
  /** Whether reduced axes stay with size 1. Default: false */
  keepDims?: boolean;
}

export function sum(x: Tensor, options: ReductionOptions = {}): Tensor {
  const { axes, kept, y } = reduce('ReduceSum', x, options);
  return axes.length === 0 ? x : differentiable(y, [x, (dy) => repeat(rawReshape(dy, kept), x.shape)]);
}

export function mean(x: Tensor, options: ReductionOptions = {}): Tensor {
  const { axes, kept, y } = reduce('ReduceMean', x, options);
  const share = elementsOf(kept) / elementsOf(x.shape);
  return axes.length === 0
    ? x
    : differentiable(y, [x, (dy) => repeat(rawReshape(mul(dy, share), kept), x.shape)]);
}

function reduce(opType: string, x: Tensor, options: ReductionOptions) {
  const axes = (options.axes ?? x.shape.map((_, axis) => axis)).map((axis) => axisOf(opType, x, axis));
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const shape = options.keepDims ? kept : x.shape.filter((_, axis) => !axes.includes(axis));
  const y = operation(opType, [x], shape, {
    axes,
    attributes: { keepdims: { i: options.keepDims ? 1 : 0 } },
  });
  return { axes, kept, y };
}

/** Repeats axes of size 1 up to a shape. Defines no gradient. */
function repeat(x: Tensor, shape: readonly number[]): Tensor {
  return operation('Expand', [x, integers(shape)], shape);
}
