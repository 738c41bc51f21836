import * as activations from '../operators/activations.js';
import { add, div, maximum, minimum, mul, neg, sub } from '../operators/arithmetic.js';
import { conv } from '../operators/conv.js';
import { linear, matMul } from '../operators/matmul.js';
import { batchNormInference, layerNorm } from '../operators/normalisation.js';
import { averagePool, globalAveragePool, maxPool } from '../operators/pooling.js';
import { mean, sum } from '../operators/reductions.js';
import { reshape, transpose, zeroPad } from '../operators/shapes.js';
import { logSoftmax, softmax } from '../operators/softmax.js';
import { filled, type Tensor } from '../tensor.js';
import type { NodeReader, NodeRule } from './node-reader.js';

const unary =
  (rule: (x: Tensor) => Tensor): NodeRule =>
  (node) =>
    rule(node.tensor(0));

const binary =
  (rule: (a: Tensor, b: Tensor) => Tensor): NodeRule =>
  (node) =>
    rule(node.tensor(0), node.tensor(1));

/** clip(αx + β, 0, 1) */
const hardSigmoid = (x: Tensor, alpha: number, beta: number) =>
  activations.clip(add(mul(x, alpha), beta), 0, 1);

/** Layers, activations and arithmetic. */
export const layerRules: readonly (readonly [string, NodeRule])[] = [
  ['Conv', convolution],
  ['Gemm', gemm],
  ['MatMul', binary(matMul)],
  [
    'BatchNormalization',
    (node) => {
      const [scale, bias, runningMean, runningVariance] = [1, 2, 3, 4].map((input) => node.tensor(input)) as [
        ...[Tensor, Tensor, Tensor, Tensor],
      ];
      const tensors = { scale, bias, runningMean, runningVariance };
      return batchNormInference(node.tensor(0), tensors, node.float('epsilon', 1e-5));
    },
  ],
  [
    'LayerNormalization',
    (node) => {
      const [x, scale] = [node.tensor(0), node.tensor(1)];
      const axis = node.int('axis', -1);
      if (axis !== -1 && axis !== x.shape.length - 1) node.refuse(`expected the last axis, found ${axis}`);
      const bias = node.optionalTensor(2) ?? filled(0, scale.shape);
      return layerNorm(x, scale, bias, node.float('epsilon', 1e-5));
    },
  ],
  [
    'GlobalAveragePool',
    (node) => {
      const x = node.tensor(0);
      return reshape(globalAveragePool(x), [-1, x.shape[1] as number, ...x.shape.slice(2).map(() => 1)]);
    },
  ],
  ['AveragePool', (node) => averagePool(...windows(node, 0))],
  ['MaxPool', (node) => maxPool(...windows(node, null))],
  ['Relu', unary(activations.relu)],
  ['Sigmoid', unary(activations.sigmoid)],
  ['Softplus', unary(activations.softplus)],
  ['Exp', unary(activations.exp)],
  ['Log', unary(activations.log)],
  ['Sqrt', unary(activations.sqrt)],
  ['Neg', unary(neg)],
  ['HardSigmoid', (node) => hardSigmoid(node.tensor(0), node.float('alpha', 0.2), node.float('beta', 0.5))],
  [
    'HardSwish',
    (node) => {
      const x = node.tensor(0);
      return mul(x, hardSigmoid(x, 1 / 6, 0.5));
    },
  ],
  [
    'Clip',
    (node) => {
      const x = node.tensor(0);
      const low = node.optionalTensor(1);
      const high = node.optionalTensor(2);
      const raised = low ? maximum(x, low) : x;
      return high ? minimum(raised, high) : raised;
    },
  ],
  ['Softmax', (node) => softmax(alongLast(node))],
  ['LogSoftmax', (node) => logSoftmax(alongLast(node))],
  ['Add', binary(add)],
  ['Sub', binary(sub)],
  ['Mul', binary(mul)],
  ['Div', binary(div)],
  ['Max', binary(maximum)],
  ['Min', binary(minimum)],
  ['ReduceMean', (node) => mean(node.tensor(0), reduction(node))],
  ['ReduceSum', (node) => sum(node.tensor(0), reduction(node))],
];

function reduction(node: NodeReader) {
  const axes = node.integers(1, 'axes');
  return { ...(axes ? { axes } : {}), keepDims: node.int('keepdims', 1) === 1 };
}

function alongLast(node: NodeReader): Tensor {
  const x = node.tensor(0);
  const axis = node.int('axis', -1);
  return axis === -1 || axis === x.shape.length - 1
    ? x
    : node.refuse(`expected the last axis, found ${axis}`);
}

function gemm(node: NodeReader): Tensor {
  const oriented = (input: number, name: string) =>
    node.int(name, 0) === 1 ? transpose(node.tensor(input), [1, 0]) : node.tensor(input);
  const [a, b] = [oriented(0, 'transA'), oriented(1, 'transB')];
  const c = node.optionalTensor(2);
  const isPlain = node.float('alpha', 1) === 1 && node.float('beta', 1) === 1;
  if (!isPlain) node.refuse('expected alpha and beta of 1');
  return c?.shape.length === 1 ? linear(a, b, c) : c ? add(matMul(a, b), c) : matMul(a, b);
}

function convolution(node: NodeReader): Tensor {
  const [given, weights] = [node.tensor(0), node.tensor(1)];
  const bias = node.optionalTensor(2);
  const { stride, begin, end } = sidesOf(node, given);
  if (node.ints('dilations')?.some((size) => size !== 1)) node.refuse('expected no dilation');
  const isOneSided = given.shape.length === 3;
  const twoSided = (x: Tensor) =>
    isOneSided ? reshape(x, [x.shape[0] as number, x.shape[1] as number, 1, -1]) : x;
  const isEven = begin.every((size, side) => size === end[side]);
  const x = isEven ? twoSided(given) : zeroPad(twoSided(given), [0, 0, ...begin], [0, 0, ...end]);
  const y = conv(x, twoSided(weights), {
    ...(bias ? { bias } : {}),
    stride,
    padding: isEven ? begin : 0,
    groups: node.int('group', 1),
  });
  return isOneSided ? reshape(y, [-1, y.shape[1] as number, y.shape[3] as number]) : y;
}

/** @param value of padded positions in the windows; `null`: they do not count */
function windows(node: NodeReader, value: 0 | null): [x: Tensor, options: Parameters<typeof averagePool>[1]] {
  const x = node.tensor(0);
  const { stride, begin, end } = sidesOf(node, x);
  if (x.shape.length !== 4) node.refuse('expected windows over two sides');
  const kernel = node.ints('kernel_shape') as [number, number];
  const isPadded = [...begin, ...end].some((size) => size > 0);
  const isEven = begin.every((size, side) => size === end[side]);
  const hasNoRule = node.int('ceil_mode', 0) === 1 || node.ints('dilations')?.some((size) => size !== 1);
  if (hasNoRule || !isEven) node.refuse('expected even padding, no dilation and no ceil_mode');
  if (value === 0 && isPadded && node.int('count_include_pad', 0) === 1) {
    return [zeroPad(x, [0, 0, ...begin], [0, 0, ...end]), { kernel, stride }];
  }
  return [x, { kernel, stride, padding: begin }];
}

type Sides = [vertical: number, horizontal: number];

/** Strides and padding of both sides; of a single one, those of the horizontal. */
function sidesOf(node: NodeReader, x: Tensor): { stride: Sides; begin: Sides; end: Sides } {
  const autoPad = node.text('auto_pad', 'NOTSET');
  if (autoPad !== 'NOTSET' && autoPad !== 'VALID') node.refuse(`expected explicit padding, found ${autoPad}`);
  const sides = x.shape.length - 2;
  const both = (values: readonly number[] | undefined, byDefault: number): Sides =>
    sides === 1
      ? [byDefault, values?.[0] ?? byDefault]
      : [values?.[0] ?? byDefault, values?.[1] ?? byDefault];
  const pads = node.ints('pads');
  return {
    stride: both(node.ints('strides') ?? undefined, 1),
    begin: both(pads?.slice(0, sides), 0),
    end: both(pads?.slice(sides), 0),
  };
}
