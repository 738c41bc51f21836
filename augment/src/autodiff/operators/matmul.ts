import { elementsOf, formatShape, sameShape } from '@offramp/bundle';
import { differentiable, expectRank, fail, operation, type Tensor } from '../tensor.js';
import { add, sumToShape } from './arithmetic.js';
import { rawMatMul, rawReshape, rawSwap } from './raw.js';

/**
 * A matrix product over the last two axes.
 * @param a … × rows × inner
 * @param b … × inner × columns, with the leading axes of `a`, or inner × columns, shared by all
 */
export function matMul(a: Tensor, b: Tensor): Tensor {
  const shared = b.shape.length === 2;
  const fits =
    a.shape.length >= 2 &&
    b.shape.length >= 2 &&
    a.shape.at(-1) === b.shape.at(-2) &&
    (shared || sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2)));
  if (!fits) {
    fail(
      'matMul',
      `expected … × inner and … × inner × columns, found ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
  return differentiable(
    rawMatMul(a, b),
    [a, (dy) => rawMatMul(dy, rawSwap(b))],
    [b, (dy) => (shared ? transposedProduct(a, dy) : rawMatMul(rawSwap(a), dy))],
  );
}

/**
 * x · weights + bias
 * @param x … × inputs
 * @param weights inputs × outputs
 * @param bias outputs
 */
export function linear(x: Tensor, weights: Tensor, bias: Tensor): Tensor {
  expectRank('linear', weights, 2);
  if (!sameShape(bias.shape, weights.shape.slice(1))) {
    fail(
      'linear',
      `expected a bias of ${formatShape(weights.shape.slice(1))}, found ${formatShape(bias.shape)}`,
    );
  }
  if (x.shape.length !== 2) return add(matMul(x, weights), bias);
  if (x.shape[1] !== weights.shape[0]) {
    fail(
      'linear',
      `expected ${weights.shape[0]} inputs for weights ${formatShape(weights.shape)}, found ${formatShape(x.shape)}`,
    );
  }
  const y = operation('Gemm', [x, weights, bias], [x.shape[0] as number, weights.shape[1] as number]);
  return differentiable(
    y,
    [x, (dy) => rawMatMul(dy, rawSwap(weights))],
    [weights, (dy) => transposedProduct(x, dy)],
    [bias, (dy) => sumToShape(dy, bias.shape)],
  );
}

/** aᵀ · b with all leading axes of both taken as rows. */
function transposedProduct(a: Tensor, b: Tensor): Tensor {
  const asRows = (x: Tensor) => {
    const width = x.shape.at(-1) as number;
    return x.shape.length === 2 ? x : rawReshape(x, [elementsOf(x.shape) / width, width]);
  };
  return rawMatMul(rawSwap(asRows(a)), asRows(b));
}
