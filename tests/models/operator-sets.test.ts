import type { Feature, Layers } from '@offramp/augment/testing';
import { describe } from 'vitest';
import { classes, type ModelKind } from './support/model-kind.js';
import { convolutions, each, picture, plain } from './support/networks.js';
import { testKinds } from './support/test-kinds.js';

/** ReLU6, dropout, pooling by a reduction and softmax, as each operator set writes them. */
function changing(net: Layers, x: Feature): Feature {
  const { opset } = net.editor;
  const features = net.conv(convolutions(net, x, [8, 16, 32]), 16, { relu: false });
  const clipped =
    opset < 11
      ? net.write('Clip', [features], features.shape, { min: { f: 0 }, max: { f: 6 } })
      : net.write('Clip', [features, net.floats([0], []), net.floats([6], [])], features.shape);
  const kept = each(net, clipped, 'Dropout');
  const axes = opset < 13 ? [] : [net.integers64([2, 3])];
  const attributes = { keepdims: { i: 0 }, ...(opset < 13 ? { axes: { ints: [2, 3] } } : {}) };
  const sum = net.write('ReduceSum', [kept, ...axes], [16], attributes);
  const mean = net.write('Mul', [sum, net.floats([1 / 16])], [16]);
  return net.write('Softmax', [net.dense(mean, classes)], [classes], { axis: { i: 1 } });
}

const read = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 21, 22];

describe('a model of operator set', () => {
  testKinds({
    ...Object.fromEntries(
      read.map((opset): [string, ModelKind] => [
        `${opset}`,
        { shape: picture, opset, scores: 'probabilities', network: changing },
      ]),
    ),
    '6, which broadcast otherwise': {
      shape: picture,
      opset: 6,
      network: plain,
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /expected operator set 7 or newer, found 6/,
        hint: /opset_version=13/,
      },
    },
    '40, which ONNX Runtime does not know': {
      shape: picture,
      opset: 40,
      network: plain,
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /Opset 40 is under development/,
        hint: /opset_version=17/,
      },
    },
    '9, with branches of convolution': {
      shape: picture,
      opset: 9,
      scores: 'probabilities',
      recipe: { body: 'conv1', reuse: 'linear' },
      network: changing,
    },
  });
});
