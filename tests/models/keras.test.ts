import { declareInput, type Feature, type Layers } from '@offramp/augment/testing';
import { describe } from 'vitest';
import { classes, elementTypes } from './support/model-kind.js';
import {
  convolutions,
  each,
  flatten,
  perceptron,
  plain,
  pooledClassifier,
  reshape,
  transpose,
} from './support/networks.js';
import { testKinds } from './support/test-kinds.js';

/** A picture with its channels last. */
const picture = [16, 12, 3];

const channelsFirst = (net: Layers, x: Feature) => transpose(net, x, 3, 1, 2);

/** A convolution of stride 2 that says only how its result is sized. */
function same(net: Layers, x: Feature, filters: number, groups = 1): Feature {
  const [channels = 1, height = 1, width = 1] = x.shape;
  const shape = [filters, Math.ceil(height / 2), Math.ceil(width / 2)];
  const convolved = net.write('Conv', [x, net.weight(filters, channels / groups, 3, 3)], shape, {
    auto_pad: { s: 'SAME_UPPER' },
    strides: { ints: [2, 2] },
    group: { i: groups },
  });
  return each(net, net.write('Add', [convolved, net.weight(1, filters, 1, 1)], shape), 'Relu');
}

function squeezed(net: Layers, x: Feature): Feature {
  const pooled = net.write('GlobalAveragePool', [x], [x.shape[0] ?? 1, 1, 1]);
  return net.write('Squeeze', [pooled, net.integers64([2, 3])], x.shape.slice(0, 1));
}

describe('Keras, through tf2onnx, writes', () => {
  testKinds({
    'channels last, padding by SAME, and softmax': {
      shape: picture,
      opset: 15,
      scores: 'probabilities',
      network(net, x) {
        const features = same(net, same(net, net.conv(channelsFirst(net, x), 8), 16), 16);
        return each(net, net.dense(squeezed(net, features), classes), 'Softmax');
      },
    },
    'a flatten of channels that are last again': {
      shape: picture,
      network(net, x) {
        const features = transpose(net, same(net, net.conv(channelsFirst(net, x), 8), 16), 2, 3, 1);
        const flat = reshape(net, features, 8 * 6 * 16);
        return net.dense(each(net, net.dense(flat, 16), 'Relu'), classes);
      },
    },
    'bytes, channels last, with the preprocessing inside': {
      shape: picture,
      type: 'uint8',
      network(net, x) {
        const numbers = net.write('Cast', [x], picture, { to: { i: elementTypes.float32 } });
        const scaled = net.write('Mul', [numbers, net.floats([1 / 127.5])], picture);
        const centred = net.write('Sub', [scaled, net.floats([1])], picture);
        return plain(net, channelsFirst(net, centred));
      },
    },
    'a batch of unknown size, and names with slashes': {
      shape: picture,
      network: (net, x) => plain(net, channelsFirst(net, x)),
      written(model) {
        declareInput(model, ['unk__42', ...picture]);
        const renamed = (name: string) => (name === 'x' || name === 'scores' ? name : `model/${name}:0`);
        for (const node of model.graph.node) {
          node.input = node.input.map(renamed);
          node.output = node.output.map(renamed);
        }
        for (const tensor of model.graph.initializer) tensor.name = renamed(tensor.name);
      },
    },
    'MobileNet: depthwise convolutions and ReLU6': {
      shape: picture,
      network(net, x) {
        const six = (feature: Feature) =>
          net.write('Clip', [feature, net.floats([0], []), net.floats([6], [])], feature.shape);
        const first = six(net.conv(channelsFirst(net, x), 16, { relu: false }));
        const deep = same(net, first, 16, 16);
        const wide = six(net.conv(deep, 32, { kernel: 1, relu: false }));
        const narrow = net.conv(wide, 16, { kernel: 1, relu: false });
        const sum = net.write('Add', [deep, narrow], deep.shape);
        return pooledClassifier(net, net.conv(sum, 16));
      },
    },
    'explicit zero padding before a convolution, and max pooling': {
      shape: picture,
      network(net, x) {
        const features = net.conv(channelsFirst(net, x), 8);
        const pads = net.integers64([0, 0, 0, 0, 0, 0, 1, 1]);
        const padded = net.write('Pad', [features, pads, net.floats([0], [])], [8, 17, 13]);
        const pooled = net.write('MaxPool', [padded], [8, 8, 6], {
          kernel_shape: { ints: [3, 3] },
          strides: { ints: [2, 2] },
        });
        return pooledClassifier(net, net.conv(net.conv(pooled, 16), 16));
      },
    },
    'batch norm as a product and a sum': {
      shape: picture,
      network(net, x) {
        const features = net.conv(convolutions(net, channelsFirst(net, x)), 16, { relu: false });
        const scaled = net.write('Mul', [features, net.weight(1, 16, 1, 1)], features.shape);
        const shifted = net.write('Add', [scaled, net.weight(1, 16, 1, 1)], features.shape);
        return pooledClassifier(net, each(net, shifted, 'Relu'));
      },
    },
    'a sensor window, time × channels, convolved as a picture of height 1': {
      shape: [32, 4],
      network(net, x) {
        const column = net.write('Unsqueeze', [transpose(net, x, 2, 1), net.integers64([2])], [4, 1, 32]);
        const convolved = net.write('Conv', [column, net.weight(8, 4, 1, 5)], [8, 1, 28]);
        const row = net.write('Squeeze', [each(net, convolved, 'Relu'), net.integers64([2])], [8, 28]);
        const features = net.conv(row, 16, { kernel: 5, stride: 2 });
        return net.dense(flatten(net, net.pool(net.conv(features, 16))), classes);
      },
    },
    'a GRU over a sensor window': {
      shape: [24, 6],
      network(net, x) {
        const steps = net.write('Transpose', [x], [24, 6], { perm: { ints: [1, 0, 2] } });
        const weights = [net.weight(1, 48, 6), net.weight(1, 48, 16), net.weight(1, 96)];
        net.editor.addNode('GRU', [steps.name, ...weights], ['all_steps', 'last_step'], {
          hidden_size: { i: 16 },
          linear_before_reset: { i: 1 },
        });
        const last = net.write('Squeeze', ['last_step', net.integers64([0])], [16]);
        return net.dense(each(net, net.dense(each(net, net.dense(last, 16), 'Tanh'), 64), 'Relu'), classes);
      },
    },
    'one sigmoid': {
      shape: picture,
      scores: 'one probability',
      network(net, x) {
        const features = squeezed(net, convolutions(net, channelsFirst(net, x)));
        return each(net, net.dense(features, 1), 'Sigmoid');
      },
    },
    'doubles outside': {
      shape: [48],
      type: 'float64',
      scoresType: 'float64',
      network(net, x) {
        const numbers = net.write('Cast', [x], [48], { to: { i: elementTypes.float32 } });
        const scores = perceptron(net, numbers);
        return net.write('Cast', [scores], [classes], { to: { i: elementTypes.float64 } });
      },
    },
  });
});
