import { describe } from 'vitest';
import { classes, elementTypes, type ModelKind } from './support/model-kind.js';
import { convolutions, each, flatten, perceptron, picture, plain, transpose } from './support/networks.js';
import { testKinds } from './support/test-kinds.js';

/** A network over what is flattened. */
const flattened: ModelKind['network'] = (net, x) => perceptron(net, flatten(net, x));

describe('a model of', () => {
  testKinds({
    'vectors of features': { shape: [48], network: perceptron },
    'sensor windows, channels × time, with branches of convolution': {
      shape: [3, 64],
      recipe: { body: 'conv1', reuse: 'linear' },
      network(net, x) {
        const features = [16, 16, 32, 32].reduce(
          (feature, width) => net.conv(feature, width, { kernel: 5 }),
          x,
        );
        return net.dense(net.pool(features), classes);
      },
    },
    'sensor windows, time × channels': {
      shape: [64, 4],
      network(net, x) {
        const features = [8, 16, 16].reduce(
          (feature, width, i) => net.conv(feature, width, { kernel: 5, stride: i > 0 ? 2 : 1 }),
          transpose(net, x, 2, 1),
        );
        return net.dense(net.pool(features), classes);
      },
    },
    'spectrograms, as pictures of one channel': { shape: [1, 32, 48], network: plain },
    'spectrograms of numbers of any range': {
      shape: [1, 32, 48],
      options: { kind: 'tensor' },
      network: plain,
    },
    'four channels': { shape: [4, 16, 16], network: plain },
    'nine bands, channels last': {
      shape: [16, 16, 9],
      options: { layout: 'channels-last' },
      network: (net, x) => plain(net, transpose(net, x, 3, 1, 2)),
    },
    'bytes of pictures': {
      shape: picture,
      type: 'uint8',
      network(net, x) {
        const numbers = net.write('Cast', [x], picture, { to: { i: elementTypes.float32 } });
        return plain(net, net.write('Mul', [numbers, net.floats([1 / 128])], picture));
      },
    },
    'signed bytes of a quantised sensor': {
      shape: [32],
      type: 'int8',
      network(net, x) {
        const numbers = net.write('Cast', [x], [32], { to: { i: elementTypes.float32 } });
        return perceptron(net, numbers);
      },
    },
    'pictures of one channel, whose channels could be first or last': {
      shape: [1, 16, 1],
      network: flattened,
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /the first and the last could/,
        hint: /--layout channels-first or --layout channels-last/,
      },
    },
    'films, of four dimensions': {
      shape: [2, 3, 8, 8],
      network: flattened,
      refused: { code: 'MODEL_UNSUPPORTED', message: /samples of 1 to 3 dimensions/, hint: /Reshape inside/ },
    },
    'word numbers of 64 bits': {
      shape: [16],
      type: 'int64',
      network(net, x) {
        const words = net.write('Gather', [net.weight(32, 16), x], [16, 16], { axis: { i: 0 } });
        return perceptron(net, flatten(net, words));
      },
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /expected input x .* found int64/,
        hint: /cast it inside/,
      },
    },
    texts: {
      shape: [1],
      type: 'string',
      network: (net, x) => net.write('StringNormalizer', [x], [1]),
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /expected input x .* found string/,
        hint: /input of numbers/,
      },
    },
    'two inputs': {
      shape: picture,
      network: (net, x) => each(net, convolutions(net, x), 'Relu'),
      written({ graph }) {
        const [input] = graph.input;
        if (input) graph.input.push(Object.assign(Object.create(input), { name: 'mask' }));
      },
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /expected one input, the sample; found 2: x, mask/,
        hint: /Make the other inputs constants/,
      },
    },
  });
});
