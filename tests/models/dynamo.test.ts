import { writeAsFunctions } from '@offramp/augment/testing';
import { describe } from 'vitest';
import { classes } from './support/model-kind.js';
import {
  attention,
  convolutions,
  each,
  linear,
  list,
  patches,
  picture,
  plain,
  pooledClassifier,
  reshape,
  sizes,
  tokenAt,
  tokens,
  transpose,
} from './support/networks.js';
import { testKinds } from './support/test-kinds.js';

describe('the dynamo exporter of PyTorch writes', () => {
  testKinds({
    'flatten by the shape of the input': {
      shape: picture,
      opset: 18,
      network(net, x) {
        const to = list(net, sizes(net, x, 0, 1), 16 * 16);
        const features = convolutions(net, x);
        const flat = net.write('Reshape', [features, to], [16 * 16], { allowzero: { i: 1 } });
        return net.dense(flat, classes);
      },
    },
    'Shape with a start and an end': {
      shape: picture,
      opset: 20,
      network(net, x) {
        const batch = net.write('Shape', [x], [1], { start: { i: 0 }, end: { i: 1 } });
        const features = convolutions(net, x);
        const flat = net.write('Reshape', [features, list(net, batch, -1)], [16 * 16]);
        return net.dense(flat, classes);
      },
    },
    'weights in another file': {
      shape: picture,
      opset: 18,
      weightsAt: 'model.onnx.data',
      network: plain,
    },
    'weights in a file outside the folder': {
      shape: picture,
      opset: 18,
      weightsAt: '../model.onnx.data',
      network: plain,
      refused: { code: 'MODEL_INVALID', message: /\.\.\/model\.onnx\.data/, hint: /beside the model/ },
    },
    'reductions whose axes are inputs': {
      shape: picture,
      opset: 18,
      network(net, x) {
        const mean = net.write('ReduceMean', [convolutions(net, x), net.integers64([2, 3])], [16], {
          keepdims: { i: 0 },
        });
        return net.dense(mean, classes);
      },
    },
    'a vision transformer whose class token is expanded to the batch': {
      shape: picture,
      opset: 18,
      network(net, x) {
        const to = list(net, sizes(net, x, 0, 1), 1, 16);
        const embedded = patches(net, x);
        const token = net.write('Expand', [net.weight(1, 1, 16), to], [1, 16]);
        const all = net.write('Concat', [token, tokens(net, embedded)], [17, 16], { axis: { i: 1 } });
        const placed = net.write('Add', [all, net.weight(1, 17, 16)], [17, 16]);
        const normed = net.write(
          'LayerNormalization',
          [attention(net, attention(net, placed)), net.weight(16), net.weight(16)],
          [17, 16],
        );
        return net.dense(tokenAt(net, normed, 0), classes);
      },
    },
    'ConvNeXt: depthwise convolutions, layer norm over the last axis, a layer scale': {
      shape: picture,
      opset: 20,
      network(net, x) {
        const block = (feature: ReturnType<typeof net.conv>) => {
          const [width = 1] = feature.shape;
          const deep = net.conv(feature, width, { kernel: 7, groups: width, relu: false });
          const last = transpose(net, deep, 2, 3, 1);
          const normed = net.write('LayerNormalization', [last, net.weight(width)], last.shape);
          const wide = each(net, linear(net, normed, 4 * width), 'Gelu');
          const narrow = linear(net, wide, width);
          const scaled = net.write('Mul', [net.weight(width), narrow], last.shape);
          return net.write('Add', [feature, transpose(net, scaled, 3, 1, 2)], feature.shape);
        };
        const stem = convolutions(net, x, [8]);
        return pooledClassifier(net, block(net.conv(block(stem), 16, { stride: 2 })));
      },
    },
    'parts split by their number': {
      shape: picture,
      opset: 18,
      network(net, x) {
        const features = convolutions(net, x);
        const names = ['first', 'second'];
        net.editor.addNode('Split', [features.name], names, { axis: { i: 1 }, num_outputs: { i: 2 } });
        const gated = net.write(
          'Mul',
          ['first', each(net, { name: 'second', shape: [8, 4, 4] }, 'Sigmoid')],
          [8, 4, 4],
        );
        return pooledClassifier(net, net.conv(gated, 16));
      },
    },
    'attention as a matrix product of four dimensions': {
      shape: picture,
      opset: 18,
      network(net, x) {
        const sequence = tokens(net, net.conv(convolutions(net, x), 16));
        const heads = (from: typeof sequence) =>
          transpose(net, reshape(net, linear(net, from, 16), 16, 4, 4), 2, 1, 3);
        const [query, key, value] = [heads(sequence), heads(sequence), heads(sequence)];
        const scores = net.write('MatMul', [query, transpose(net, key, 1, 3, 2)], [4, 16, 16]);
        const weights = net.write('Softmax', [scores], [4, 16, 16], { axis: { i: -1 } });
        const mixed = net.write('MatMul', [weights, value], [4, 16, 4]);
        const joined = reshape(net, transpose(net, mixed, 2, 1, 3), 16, 16);
        const sum = net.write('Add', [sequence, joined], [16, 16]);
        const mean = net.write('ReduceMean', [linear(net, sum, 16), net.integers64([1])], [16], {
          keepdims: { i: 0 },
        });
        return net.dense(mean, classes);
      },
    },
    'operators as functions of the model': {
      shape: picture,
      opset: 18,
      network: plain,
      written: (model) => ['Conv', 'Relu'].forEach((opType) => void writeAsFunctions(model, opType)),
    },
  });
});
