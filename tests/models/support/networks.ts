import type { Feature, Layers } from '@offramp/augment/testing';
import { elementsOf } from '@offramp/bundle';
import { classes } from './model-kind.js';

/** A picture, or what is as large. */
export const picture = [3, 16, 16];

/** Convolutions with ReLU, all but the first of stride 2. */
export function convolutions(net: Layers, x: Feature, widths: readonly number[] = [8, 16, 16]): Feature {
  return widths.reduce(
    (feature, width, i) => net.conv(feature, width, { stride: i > 0 ? 2 : 1 }),
    net.begin(x.name, x.shape),
  );
}

export function pooledClassifier(net: Layers, x: Feature): Feature {
  return net.dense(net.pool(x), classes);
}

/** Convolutions, pooling, a dense layer. */
export function plain(net: Layers, x: Feature): Feature {
  return pooledClassifier(net, convolutions(net, x));
}

/** Dense layers with ReLU over a vector. */
export function perceptron(net: Layers, x: Feature, widths: readonly number[] = [32, 32]): Feature {
  const hidden = widths.reduce(
    (feature, width) => net.write('Relu', [net.dense(feature, width)], [width]),
    net.begin(x.name, x.shape),
  );
  return net.dense(hidden, classes);
}

/** A matrix product with the last dimension, and a bias. */
export function linear(net: Layers, x: Feature, outputs: number): Feature {
  const shape = [...x.shape.slice(0, -1), outputs];
  const product = net.write('MatMul', [x, net.weight(x.shape.at(-1) ?? 1, outputs)], shape);
  return net.write('Add', [net.weight(outputs), product], shape);
}

/** Operators one after the other that keep the shape. */
export function each(net: Layers, x: Feature, ...operators: string[]): Feature {
  return operators.reduce((feature, operator) => net.write(operator, [feature], feature.shape), x);
}

/** Sizes of a tensor's shape, from one axis to before another, as they are taken up to operator set 14. */
export function sizes(net: Layers, of: Feature, from: number, to: number): Feature {
  const dims = net.write('Shape', [of], [of.shape.length + 1]);
  return net.write('Slice', [dims, net.integers64([from]), net.integers64([to])], [to - from]);
}

/** One size of a tensor's shape, as a list of one. */
export function size(net: Layers, of: Feature, axis: number): Feature {
  const dims = net.write('Shape', [of], [of.shape.length + 1]);
  const one = net.write('Gather', [dims, net.integers64([axis], [])], [], { axis: { i: 0 } });
  return net.write('Unsqueeze', [one, net.integers64([0])], [1]);
}

/** Joined lists of integers. */
export function list(net: Layers, ...parts: (Feature | number)[]): Feature {
  const inputs = parts.map((part) => (typeof part === 'number' ? net.integers64([part]) : part));
  return net.write('Concat', inputs, [parts.length], { axis: { i: 0 } });
}

/** A sample's dimensions in another arrangement, written as a target with -1 for the batch. */
export function reshape(net: Layers, x: Feature, ...shape: number[]): Feature {
  return net.write('Reshape', [x, net.integers64([-1, ...shape])], shape);
}

/** A sample's dimensions in another order; the batch stays first. */
export function transpose(net: Layers, x: Feature, ...order: number[]): Feature {
  return net.write(
    'Transpose',
    [x],
    order.map((axis) => x.shape[axis - 1] ?? 1),
    { perm: { ints: [0, ...order] } },
  );
}

/** All values of a sample in one dimension. */
export function flatten(net: Layers, x: Feature): Feature {
  return net.write('Flatten', [x], [elementsOf(x.shape)], { axis: { i: 1 } });
}

/** Channels × height × width as tokens: positions × channels. */
export function tokens(net: Layers, x: Feature): Feature {
  const [channels = 1, height = 1, width = 1] = x.shape;
  return transpose(net, reshape(net, x, channels, height * width), 2, 1);
}

/** Squares of 4×4 of a picture, 16 channels each. */
export function patches(net: Layers, x: Feature): Feature {
  const [channels = 1, height = 1, width = 1] = x.shape;
  const inputs = [x, net.weight(16, channels, 4, 4), net.weight(16)];
  return net.write('Conv', inputs, [16, height / 4, width / 4], { strides: { ints: [4, 4] } });
}

/** One token of several. */
export function tokenAt(net: Layers, x: Feature, at: number): Feature {
  return net.write('Gather', [x, net.integers64([at], [])], x.shape.slice(1), { axis: { i: 1 } });
}

/** Attention with one head, a shortcut, and a feed-forward layer. */
export function attention(net: Layers, x: Feature): Feature {
  const [count = 1, width = 1] = x.shape;
  const [query, key, value] = [0, 1, 2].map(() => linear(net, x, width)) as [Feature, Feature, Feature];
  const keys = transpose(net, key, 2, 1);
  const scores = net.write('MatMul', [query, keys], [count, count]);
  const scaled = net.write('Mul', [scores, net.floats([width ** -0.5])], [count, count]);
  const weights = net.write('Softmax', [scaled], [count, count], { axis: { i: -1 } });
  const mixed = net.write('MatMul', [weights, value], x.shape);
  const sum = net.write('Add', [x, mixed], x.shape);
  return linear(net, each(net, linear(net, sum, 2 * width), 'Relu'), width);
}
