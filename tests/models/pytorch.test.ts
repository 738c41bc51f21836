import { declareInput, listWeightsAsInputs, writeWeightsAsNodes } from '@offramp/augment/testing';
import { describe } from 'vitest';
import { classes } from './support/model-kind.js';
import {
  convolutions,
  each,
  flatten,
  list,
  picture,
  plain,
  pooledClassifier,
  reshape,
  size,
  transpose,
} from './support/networks.js';
import { testKinds } from './support/test-kinds.js';

describe('PyTorch, traced and exported, writes', () => {
  testKinds({
    'a view by the sizes of its input': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        const to = list(net, size(net, x, 0), -1);
        return net.dense(net.write('Reshape', [features, to], [16 * 16]), classes);
      },
    },
    'batch size 1, and view(1, -1)': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        return net.dense(net.write('Reshape', [features, net.integers64([1, -1])], [16 * 16]), classes);
      },
      written: (model) => declareInput(model, [1, ...picture]),
    },
    'weights as nodes, and no names': {
      shape: picture,
      network: plain,
      written: writeWeightsAsNodes,
    },
    'weights among the inputs, in the oldest format': {
      shape: picture,
      opset: 9,
      network: plain,
      written: listWeightsAsInputs,
    },
    'batch norm, and branches of convolution behind it': {
      shape: picture,
      recipe: { body: 'conv1', reuse: 'linear' },
      network(net, x) {
        const normed = ['a', 'b'].reduce(
          (feature) => {
            const convolved = net.conv(feature, 16, { relu: false });
            const [scale, spread] = [1.5, 0.5].map((value) => net.floats(new Array<number>(16).fill(value)));
            const statistics = [scale as string, net.weight(16), net.weight(16), spread as string];
            return each(
              net,
              net.write('BatchNormalization', [convolved, ...statistics], convolved.shape),
              'Relu',
            );
          },
          convolutions(net, x, [8, 16]),
        );
        return pooledClassifier(net, normed);
      },
    },
    'channels that are shuffled': {
      shape: picture,
      network(net, x) {
        const grouped = net.conv(convolutions(net, x), 16, { groups: 4 });
        const [channels = 16, ...sides] = grouped.shape;
        const groups = reshape(net, grouped, 4, channels / 4, ...sides);
        const shuffled = reshape(net, transpose(net, groups, 2, 1, 3, 4), channels, ...sides);
        return pooledClassifier(net, net.conv(shuffled, 16, { groups: 4 }));
      },
    },
    'channels that are split and joined': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        const half = { ...features, shape: [8, ...features.shape.slice(1)] };
        const [kept, changed] = [
          { ...half, name: 'kept' },
          { ...half, name: 'changed' },
        ] as const;
        net.editor.addNode('Split', [features.name, net.integers64([8, 8])], ['kept', 'changed'], {
          axis: { i: 1 },
        });
        const joined = net.write('Concat', [kept, net.conv(changed, 8)], features.shape, { axis: { i: 1 } });
        return pooledClassifier(net, net.conv(joined, 16));
      },
    },
    'squeeze-and-excite with hard-swish': {
      shape: picture,
      network(net, x) {
        const features = net.conv(convolutions(net, x), 16, { relu: false });
        const active = each(net, features, 'HardSwish');
        const squeezed = net.write('GlobalAveragePool', [active], [16, 1, 1]);
        const small = net.conv(squeezed, 4, { kernel: 1 });
        const gates = each(net, net.conv(small, 16, { kernel: 1, relu: false }), 'HardSigmoid');
        return pooledClassifier(net, net.conv(net.write('Mul', [active, gates], active.shape), 16));
      },
    },
    'shortcuts of strided slices and zero padding': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x, [8, 8]);
        const every = net.write(
          'Slice',
          [
            features,
            ...[
              [0, 0],
              [99, 99],
              [2, 3],
              [2, 2],
            ].map((values) => net.integers64(values)),
          ],
          [8, 4, 4],
        );
        const padded = net.write('Pad', [every, net.integers64([0, 4, 0, 0, 0, 4, 0, 0])], [16, 4, 4]);
        const sum = net.write('Add', [net.conv(features, 16, { stride: 2 }), padded], [16, 4, 4]);
        return pooledClassifier(net, net.conv(sum, 16));
      },
    },
    'dense connections': {
      shape: picture,
      network(net, x) {
        const first = convolutions(net, x, [8]);
        const second = net.write('Concat', [first, net.conv(first, 8)], [16, 16, 16], { axis: { i: 1 } });
        const third = net.write('Concat', [second, net.conv(second, 8)], [24, 16, 16], { axis: { i: 1 } });
        return pooledClassifier(net, net.conv(net.conv(third, 16, { stride: 2 }), 16));
      },
    },
    'group norm as instance norm between reshapes': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        const groups = net.write('Reshape', [features, net.integers64([0, 4, -1])], [4, 64]);
        const ones = [net.floats([1, 1, 1, 1]), net.floats([0, 0, 0, 0])];
        const normed = net.write('InstanceNormalization', [groups, ...ones], [4, 64]);
        const dims = net.write('Shape', [features], [4]);
        const restored = net.write('Reshape', [normed, dims], features.shape);
        const scaled = net.write('Mul', [restored, net.weight(16, 1, 1)], features.shape);
        return pooledClassifier(net, net.conv(scaled, 16));
      },
    },
    'the input resized inside': {
      shape: picture,
      network(net, x) {
        const larger = net.write('Resize', [x, '', net.floats([1, 1, 1.5, 1.5])], [3, 24, 24], {
          mode: { s: 'linear' },
          coordinate_transformation_mode: { s: 'half_pixel' },
        });
        return plain(net, larger);
      },
    },
    'an LSTM over windows, batch first': {
      shape: [3, 32],
      network(net, x) {
        const features = net.conv(net.conv(x, 16, { kernel: 5, stride: 2 }), 16, { kernel: 5 });
        const steps = net.write('Transpose', [features], [16, 16], { perm: { ints: [2, 0, 1] } });
        const state = net.write('Expand', [net.floats([0]), list(net, 1, size(net, x, 0), 12)], [12]);
        const weights = [net.weight(1, 48, 16), net.weight(1, 48, 12), net.weight(1, 96)];
        net.editor.addNode(
          'LSTM',
          [steps.name, ...weights, '', state.name, state.name],
          ['all_steps', 'last_step'],
          { hidden_size: { i: 12 } },
        );
        const last = net.write('Squeeze', ['last_step', net.integers64([0])], [12]);
        return net.dense(each(net, net.dense(last, 16), 'Relu'), classes);
      },
    },
    'a transposed convolution and adaptive pooling': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        const larger = net.write('ConvTranspose', [features, net.weight(16, 8, 2, 2)], [8, 8, 8], {
          strides: { ints: [2, 2] },
        });
        const pooled = net.write('AveragePool', [each(net, larger, 'LeakyRelu')], [8, 2, 2], {
          kernel_shape: { ints: [4, 4] },
          strides: { ints: [4, 4] },
        });
        return net.dense(flatten(net, pooled), classes);
      },
    },
  });
});
