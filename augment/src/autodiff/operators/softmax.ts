import { differentiable, operation, type Tensor } from '../tensor.js';
import { mul, sub } from './arithmetic.js';
import { rawSum } from './raw.js';

// Over the last axis only, where the operator is the same in every opset.

/** e^x / Σ e^x along the last axis, without overflow. */
export function softmax(x: Tensor): Tensor {
  const y = alongLast('Softmax', x);
  return differentiable(y, [x, (dy) => mul(y, sub(dy, rawSum(mul(dy, y), [x.shape.length - 1])))]);
}

/** ln softmax(x) along the last axis, exact where softmax itself is 0. */
export function logSoftmax(x: Tensor): Tensor {
  const y = alongLast('LogSoftmax', x);
  const probabilities = operation('Exp', [y], x.shape);
  return differentiable(y, [x, (dy) => sub(dy, mul(probabilities, rawSum(dy, [x.shape.length - 1])))]);
}

function alongLast(opType: string, x: Tensor): Tensor {
  return operation(opType, [x], x.shape, { attributes: { axis: { i: x.shape.length - 1 } } });
}
