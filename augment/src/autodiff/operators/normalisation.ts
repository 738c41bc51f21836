import { elementsOf, formatShape, sameShape } from '@offramp/bundle';
import { differentiable, fail, filled, operation, operations, type Tensor } from '../tensor.js';
import { sqrt } from './activations.js';
import { add, div, mul, sub } from './arithmetic.js';
import { rawReshape, rawSum } from './raw.js';
import { mean } from './reductions.js';

/** Parameters and states of a batch norm, one value per channel each. */
export interface BatchNormTensors {
  scale: Tensor;
  bias: Tensor;
  /** Running statistics, which are used after training. */
  runningMean: Tensor;
  runningVariance: Tensor;
}

export interface BatchNormResult {
  y: Tensor;
  /** Of this batch; the variance divides by the number of values. */
  mean: Tensor;
  variance: Tensor;
}

/**
 * Batch normalisation by the running statistics; these get no gradient.
 * @param x batch × channels × …
 */
export function batchNormInference(x: Tensor, tensors: BatchNormTensors, epsilon: number): Tensor {
  const { scale, bias, runningMean, runningVariance } = tensors;
  const perChannel = perChannelShape(x, scale);
  const y = normalise(x, scale, bias, runningMean, runningVariance, epsilon);
  const inverse = () => div(1, sqrt(add(runningVariance, epsilon)));
  return differentiable(
    y,
    [x, (dy) => mul(dy, rawReshape(mul(scale, inverse()), perChannel))],
    [
      scale,
      (dy) => {
        const sums = channelSums(x, dy, runningMean);
        return mul(sums.dyTimesCentred, inverse());
      },
    ],
    [bias, (dy) => channelSum(dy)],
  );
}

/**
 * Batch normalisation by the batch's own statistics (Ioffe and Szegedy, 2015, algorithm 1). The two sums
 * of the gradient are computed once; the part of dx that is linear in x is itself a batch norm.
 * @param x batch × channels × …
 */
export function batchNormTraining(x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): BatchNormResult {
  const channels = scale.shape;
  const perChannel = perChannelShape(x, scale);
  const values = elementsOf(x.shape) / elementsOf(channels);
  // With momentum 0 the node's running statistics are the batch's own. ONNX Runtime writes them over the
  // old ones even if other nodes read those, so they must be tensors without other readers, and not constants.
  const [y, batchMean, variance] = operations(
    'BatchNormalization',
    [x, scale, bias, mul(bias, 0), mul(scale, 0)],
    [x.shape, channels, channels].map((shape) => ({ shape, type: 'float32' })),
    { attributes: { epsilon: { f: epsilon }, momentum: { f: 0 }, training_mode: { i: 1 } } },
  ) as [Tensor, Tensor, Tensor];
  const inverse = div(1, sqrt(add(variance, epsilon)));
  const sumsOf = memoised((dy) => channelSums(x, dy, batchMean));
  differentiable(
    y,
    [
      x,
      (dy) => {
        const { sum, dyTimesCentred } = sumsOf(dy);
        const slope = mul(scale, inverse);
        const alongX = mul(mul(slope, mul(inverse, inverse)), mul(dyTimesCentred, -1 / values));
        const shift = mul(slope, mul(sum, -1 / values));
        const linearPart = normalise(x, alongX, shift, batchMean, filled(1, channels), 0);
        return add(mul(dy, rawReshape(slope, perChannel)), linearPart);
      },
    ],
    [scale, (dy) => mul(sumsOf(dy).dyTimesCentred, inverse)],
    [bias, (dy) => sumsOf(dy).sum],
  );
  return { y, mean: batchMean, variance };
}

/**
 * Layer normalisation over the last axis.
 * @param scale and `bias`: one value per place of that axis
 */
export function layerNorm(x: Tensor, scale: Tensor, bias: Tensor, epsilon = 1e-5): Tensor {
  const width = x.shape.slice(-1);
  if (!sameShape(scale.shape, width) || !sameShape(bias.shape, width)) {
    fail(
      'layerNorm',
      `expected scale and bias of ${formatShape(width)}, found ${formatShape(scale.shape)} and ${formatShape(bias.shape)}`,
    );
  }
  const centred = sub(x, mean(x, { axes: [-1], keepDims: true }));
  const variance = mean(mul(centred, centred), { axes: [-1], keepDims: true });
  return add(mul(div(centred, sqrt(add(variance, epsilon))), scale), bias);
}

function normalise(
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  center: Tensor,
  variance: Tensor,
  epsilon: number,
): Tensor {
  return operation('BatchNormalization', [x, scale, bias, center, variance], x.shape, {
    attributes: { epsilon: { f: epsilon } },
  });
}

function channelSums(x: Tensor, dy: Tensor, center: Tensor) {
  const sum = channelSum(dy);
  return { sum, dyTimesCentred: sub(channelSum(mul(dy, x)), mul(center, sum)) };
}

/** Sums over all axes but the second. */
function channelSum(x: Tensor): Tensor {
  const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  return rawReshape(rawSum(x, axes), [x.shape[1] as number]);
}

function perChannelShape(x: Tensor, scale: Tensor): number[] {
  if (x.shape.length < 2 || !sameShape(scale.shape, x.shape.slice(1, 2))) {
    fail(
      'batchNorm',
      `expected batch × channels × … and one scale per channel, found ${formatShape(x.shape)} and ${formatShape(scale.shape)}`,
    );
  }
  return x.shape.map((size, axis) => (axis === 1 ? size : 1));
}

/** Calls with the same tensor share one result. */
function memoised<Result>(make: (dy: Tensor) => Result): (dy: Tensor) => Result {
  const made = new Map<Tensor, Result>();
  return (dy) => {
    const result = made.get(dy) ?? make(dy);
    made.set(dy, result);
    return result;
  };
}
