import { differentiable, filled, operation, type Tensor } from '../tensor.js';
import { add, mask, maximum, minimum, mul } from './arithmetic.js';

/** max(x, 0); the gradient at 0 is 0. */
export function relu(x: Tensor): Tensor {
  const y = unary('Relu', x);
  return differentiable(y, [x, (dy) => mul(dy, mask('Greater', y, filled(0)))]);
}

/** x · Φ(x) with the normal distribution's Φ: the exact form, not the tanh approximation. */
export function gelu(x: Tensor): Tensor {
  const cumulative = mul(add(unary('Erf', mul(x, Math.SQRT1_2)), 1), 0.5);
  const density = () => mul(unary('Exp', mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return differentiable(mul(x, cumulative), [x, (dy) => mul(dy, add(cumulative, mul(x, density())))]);
}

/** 1 / (1 + e^−x), without overflow. */
export function sigmoid(x: Tensor): Tensor {
  const y = unary('Sigmoid', x);
  return differentiable(y, [x, (dy) => mul(dy, mul(y, oneMinus(y)))]);
}

/** ln(1 + e^x), without overflow. */
export function softplus(x: Tensor): Tensor {
  return differentiable(unary('Softplus', x), [x, (dy) => mul(dy, unary('Sigmoid', x))]);
}

/** ln sigmoid(x), exact for large |x|, where sigmoid itself is 0 or 1. */
export function logSigmoid(x: Tensor): Tensor {
  const negated = unary('Neg', x);
  const y = unary('Neg', unary('Softplus', negated));
  return differentiable(y, [x, (dy) => mul(dy, unary('Sigmoid', negated))]);
}

export function exp(x: Tensor): Tensor {
  const y = unary('Exp', x);
  return differentiable(y, [x, (dy) => mul(dy, y)]);
}

/** The natural logarithm; −∞ at 0, which {@link clip} or {@link maximum} can avoid. */
export function log(x: Tensor): Tensor {
  return differentiable(unary('Log', x), [x, (dy) => operation('Div', [dy, x], x.shape)]);
}

export function sqrt(x: Tensor): Tensor {
  const y = unary('Sqrt', x);
  return differentiable(y, [x, (dy) => operation('Div', [mul(dy, 0.5), y], x.shape)]);
}

/** The nearest integer, the even one of two. No gradient passes. */
export function round(x: Tensor): Tensor {
  return unary('Round', x);
}

/** x clipped to bounds; no gradient passes beyond them. */
export function clip(x: Tensor, low: number, high: number): Tensor {
  return minimum(maximum(x, low), high);
}

function oneMinus(x: Tensor): Tensor {
  return operation('Sub', [filled(1), x], x.shape);
}

function unary(opType: string, x: Tensor): Tensor {
  return operation(opType, [x], x.shape);
}
