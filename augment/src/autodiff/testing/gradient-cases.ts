import { elementsOf } from '@offramp/bundle';
import { seededPermutation } from '../../support/random.js';
import type { GraphBuilder } from '../graph-builder.js';
import { batchNormInference, batchNormTraining } from '../operators/normalisation.js';
import type { Tensor } from '../tensor.js';
import { uniform } from './evaluation.js';

/** One operator in one setting, whose gradient is compared with central differences. */
export interface GradientCase {
  name: string;
  /** Shapes of the tensors that the gradient is taken for. */
  shapes: readonly (readonly number[])[];
  /** Their values. Default: in [−1, 1) */
  values?: Sampler;
  build(g: GraphBuilder, ...inputs: Tensor[]): Tensor;
}

type Sampler = (shape: readonly number[], seed: number) => Float32Array;

/** In [0.5, 1.5). */
const positive: Sampler = (shape, seed) => uniform(shape, seed, 0.5, 1.5);

/** In ±[0.1, 0.5) or ±[0.7, 1.1): away from 0 and ±0.6. */
const offKinks: Sampler = (shape, seed) =>
  uniform(shape, seed).map((value) => {
    const size = Math.abs(value) * 0.8;
    return Math.sign(value) * (size < 0.4 ? size + 0.1 : size + 0.3);
  });

/** Values that differ by at least 0.1. */
const distinct: Sampler = (shape, seed) =>
  Float32Array.from(
    seededPermutation(elementsOf(shape), seed),
    (rank) => 0.1 * (rank - elementsOf(shape) / 2),
  );

const picture = [2, 4, 7, 6];
const norm = [[3, 4, 3, 5], [4], [4]];

export const gradientCases: readonly GradientCase[] = [
  {
    name: 'add',
    shapes: [
      [2, 3],
      [2, 3],
    ],
    build: (g, a, b) => g.add(a, b),
  },
  { name: 'add, a broadcast', shapes: [[3], [2, 4, 3]], build: (g, a, b) => g.add(a, b) },
  {
    name: 'add, both broadcast',
    shapes: [
      [2, 1, 3],
      [4, 1],
    ],
    build: (g, a, b) => g.add(a, b),
  },
  { name: 'add of a tensor to itself', shapes: [[2, 3]], build: (g, x) => g.add(x, g.mul(x, x)) },
  {
    name: 'sub',
    shapes: [
      [2, 3],
      [1, 3],
    ],
    build: (g, a, b) => g.sub(a, b),
  },
  {
    name: 'mul',
    shapes: [
      [2, 3],
      [2, 1],
    ],
    build: (g, a, b) => g.mul(a, b),
  },
  { name: 'mul by a number', shapes: [[2, 3]], build: (g, x) => g.mul(x, -1.5) },
  { name: 'div', shapes: [[2, 3], [3]], values: positive, build: (g, a, b) => g.div(a, b) },
  { name: 'neg', shapes: [[2, 3]], build: (g, x) => g.neg(x) },
  {
    name: 'maximum',
    shapes: [[4, 6]],
    values: distinct,
    build: (g, x) => g.maximum(g.slice(x, 0, 0, 2), g.slice(x, 0, 2, 4)),
  },
  {
    name: 'minimum',
    shapes: [[4, 6]],
    values: distinct,
    build: (g, x) => g.minimum(g.slice(x, 0, 0, 2), g.slice(x, 0, 2, 4)),
  },
  { name: 'clip', shapes: [[5, 8]], values: offKinks, build: (g, x) => g.clip(x, -0.6, 0.6) },
  { name: 'relu', shapes: [[5, 8]], values: offKinks, build: (g, x) => g.relu(x) },
  { name: 'gelu', shapes: [[5, 8]], build: (g, x) => g.gelu(g.mul(x, 3)) },
  { name: 'sigmoid', shapes: [[5, 8]], build: (g, x) => g.sigmoid(g.mul(x, 4)) },
  { name: 'logSigmoid', shapes: [[5, 8]], build: (g, x) => g.logSigmoid(g.mul(x, 4)) },
  { name: 'softplus', shapes: [[5, 8]], build: (g, x) => g.softplus(g.mul(x, 4)) },
  { name: 'exp', shapes: [[3, 4]], build: (g, x) => g.exp(x) },
  { name: 'log', shapes: [[3, 4]], values: positive, build: (g, x) => g.log(x) },
  { name: 'sqrt', shapes: [[3, 4]], values: positive, build: (g, x) => g.sqrt(x) },
  { name: 'softmax', shapes: [[3, 5]], build: (g, x) => g.softmax(g.mul(x, 2)) },
  { name: 'softmax of three axes', shapes: [[2, 3, 4]], build: (g, x) => g.softmax(x) },
  { name: 'logSoftmax', shapes: [[3, 5]], build: (g, x) => g.logSoftmax(g.mul(x, 2)) },
  { name: 'sum', shapes: [[2, 3, 4]], build: (g, x) => g.sum(g.mul(x, x)) },
  { name: 'sum over axes', shapes: [[2, 3, 4]], build: (g, x) => g.sum(g.mul(x, x), { axes: [0, -1] }) },
  { name: 'mean', shapes: [[2, 3, 4]], build: (g, x) => g.mean(g.mul(x, x)) },
  { name: 'mean, axis kept', shapes: [[2, 3, 4]], build: (g, x) => g.mean(x, { axes: [1], keepDims: true }) },
  {
    name: 'matMul',
    shapes: [
      [3, 4],
      [4, 5],
    ],
    build: (g, a, b) => g.matMul(a, b),
  },
  {
    name: 'matMul, batched',
    shapes: [
      [2, 3, 4],
      [2, 4, 5],
    ],
    build: (g, a, b) => g.matMul(a, b),
  },
  {
    name: 'matMul, one matrix for all',
    shapes: [
      [2, 3, 2, 4],
      [4, 5],
    ],
    build: (g, a, b) => g.matMul(a, b),
  },
  { name: 'linear', shapes: [[3, 4], [4, 5], [5]], build: (g, x, w, b) => g.linear(x, w, b) },
  { name: 'linear on tokens', shapes: [[2, 3, 4], [4, 5], [5]], build: (g, x, w, b) => g.linear(x, w, b) },
  { name: 'reshape', shapes: [[2, 6]], build: (g, x) => g.reshape(x, [-1, 3, 2]) },
  { name: 'flatten', shapes: [[2, 3, 2]], build: (g, x) => g.flatten(x) },
  { name: 'transpose', shapes: [[2, 3, 4]], build: (g, x) => g.transpose(x, [2, 0, 1]) },
  {
    name: 'concat',
    shapes: [
      [2, 1, 3],
      [2, 4, 3],
    ],
    build: (g, a, b) => g.concat([a, b, a], 1),
  },
  { name: 'slice', shapes: [[2, 5, 3]], build: (g, x) => g.slice(x, 1, 1, 3) },
  {
    name: 'gatherColumn',
    shapes: [[3, 4]],
    build: (g, x) => g.gatherColumn(x, g.integerInput('column', [3])),
  },
  { name: 'topK', shapes: [[3, 6]], values: distinct, build: (g, x) => g.topK(x, 2) },
  { name: 'conv', shapes: [picture, [3, 4, 3, 3]], build: (g, x, w) => g.conv(x, w) },
  {
    name: 'conv with bias and padding',
    shapes: [picture, [3, 4, 3, 3], [3]],
    build: (g, x, w, bias) => g.conv(x, w, { bias, padding: 1 }),
  },
  {
    name: 'conv, stride 2',
    shapes: [picture, [3, 4, 3, 3]],
    build: (g, x, w) => g.conv(x, w, { stride: 2, padding: 1 }),
  },
  {
    name: 'conv, stride 3 with a rest',
    shapes: [
      [2, 2, 9, 8],
      [3, 2, 2, 2],
    ],
    build: (g, x, w) => g.conv(x, w, { stride: 3 }),
  },
  {
    name: 'conv, oblong',
    shapes: [picture, [3, 4, 1, 5]],
    build: (g, x, w) => g.conv(x, w, { stride: [2, 1], padding: [0, 2] }),
  },
  { name: 'conv 1×1', shapes: [picture, [3, 4, 1, 1]], build: (g, x, w) => g.conv(x, w) },
  {
    name: 'conv 1×1, stride 2',
    shapes: [picture, [3, 4, 1, 1]],
    build: (g, x, w) => g.conv(x, w, { stride: 2 }),
  },
  {
    name: 'conv 5×5',
    shapes: [picture, [2, 4, 5, 5]],
    build: (g, x, w) => g.conv(x, w, { stride: 2, padding: 2 }),
  },
  {
    name: 'conv of pictures too large to share products',
    shapes: [
      [2, 2, 17, 16],
      [3, 2, 3, 3],
    ],
    build: (g, x, w) => g.conv(x, w, { padding: 1 }),
  },
  {
    name: 'conv of a batch in several products',
    shapes: [
      [6, 4, 15, 15],
      [2, 2, 3, 3],
    ],
    build: (g, x, w) => g.conv(x, w, { padding: 1, groups: 2 }),
  },
  {
    name: 'conv in groups with constant weights',
    shapes: [picture],
    build: (g, x) => g.conv(x, g.constant(uniform([6, 2, 3, 3], 9), [6, 2, 3, 3]), { padding: 1, groups: 2 }),
  },
  {
    name: 'conv with constant weights, stride 2',
    shapes: [picture],
    build: (g, x) => g.conv(x, g.constant(uniform([3, 4, 3, 3], 9), [3, 4, 3, 3]), { padding: 1, stride: 2 }),
  },
  {
    name: 'zeroPad',
    shapes: [[2, 3, 4]],
    build: (g, x) => g.zeroPad(x, [0, 1, 0], [0, 2, 1]),
  },
  {
    name: 'conv in groups',
    shapes: [picture, [6, 2, 3, 3]],
    build: (g, x, w) => g.conv(x, w, { padding: 1, groups: 2 }),
  },
  {
    name: 'conv, depthwise',
    shapes: [picture, [4, 1, 3, 3]],
    build: (g, x, w) => g.conv(x, w, { stride: 2, padding: 1, groups: 4 }),
  },
  {
    name: 'conv, depthwise with a multiplier',
    shapes: [picture, [8, 1, 3, 3]],
    build: (g, x, w) => g.conv(x, w, { padding: 1, groups: 4 }),
  },
  { name: 'averagePool', shapes: [[2, 3, 6, 4]], build: (g, x) => g.averagePool(x, { kernel: 2 }) },
  {
    name: 'averagePool, overlapping',
    shapes: [[2, 3, 7, 5]],
    build: (g, x) => g.averagePool(x, { kernel: [3, 2], stride: [2, 1] }),
  },
  {
    name: 'averagePool, padded',
    shapes: [[2, 3, 5, 6]],
    build: (g, x) => g.averagePool(x, { kernel: 3, stride: 2, padding: 1 }),
  },
  { name: 'maxPool', shapes: [[2, 2, 6, 4]], values: distinct, build: (g, x) => g.maxPool(x, { kernel: 2 }) },
  {
    name: 'maxPool, overlapping and padded',
    shapes: [[2, 2, 5, 4]],
    values: distinct,
    build: (g, x) => g.maxPool(x, { kernel: 3, stride: 1, padding: 1 }),
  },
  { name: 'globalAveragePool', shapes: [[2, 3, 4, 5]], build: (g, x) => g.globalAveragePool(x) },
  {
    name: 'batch norm by batch',
    shapes: norm,
    build: (_, x, scale, bias) => batchNormTraining(x, scale, bias, 1e-3).y,
  },
  {
    name: 'batch norm of vectors',
    shapes: [[6, 4], [4], [4]],
    build: (_, x, scale, bias) => batchNormTraining(x, scale, bias, 1e-3).y,
  },
  {
    name: 'batch norm by running statistics',
    shapes: norm,
    build: (g, x, scale, bias) =>
      batchNormInference(
        x,
        {
          scale,
          bias,
          runningMean: g.constant(uniform([4], 5), [4]),
          runningVariance: g.constant(uniform([4], 6, 0.5, 2), [4]),
        },
        1e-3,
      ),
  },
  {
    name: 'layerNorm',
    shapes: [[2, 3, 6], [6], [6]],
    build: (g, x, scale, bias) => g.layerNorm(x, scale, bias),
  },
  {
    name: 'a branch',
    shapes: [[4, 3, 8, 8], [4, 3, 3, 3], [4], [4], [4, 5], [5]],
    build: (g, x, w, scale, bias, classWeights, classBias) => {
      const y = batchNormTraining(
        g.conv(x, w, { stride: 2, padding: 1 }),
        scale as Tensor,
        bias as Tensor,
        1e-3,
      ).y;
      const logits = g.linear(g.globalAveragePool(g.gelu(y)), classWeights as Tensor, classBias as Tensor);
      return g.gatherColumn(g.logSoftmax(logits), g.integerInput('column', [4]));
    },
  },
];
