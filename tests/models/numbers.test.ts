import { addResidualNetwork, type Feature, type Layers } from '@offramp/augment/testing';
import { describe } from 'vitest';
import { classes, elementTypes } from './support/model-kind.js';
import { convolutions, each, picture, plain, pooledClassifier } from './support/networks.js';
import { testKinds } from './support/test-kinds.js';

const residual = (net: Layers, x: Feature) =>
  addResidualNetwork(net, x.name, x.shape, { widths: [8, 16], classes });

const cast = (net: Layers, x: Feature, type: keyof typeof elementTypes) =>
  net.write('Cast', [x], x.shape, { to: { i: elementTypes[type] } });

describe('a model that computes', () => {
  testKinds({
    'between pairs of QuantizeLinear and DequantizeLinear': {
      shape: picture,
      numbers: 'qdq',
      network: plain,
    },
    'so, with shortcuts': { shape: picture, numbers: 'qdq', network: residual },
    'in integers, with shortcuts': { shape: picture, numbers: 'qoperator', network: residual },
    'in the operators of integers of ONNX Runtime': { shape: picture, numbers: 'qoperator', network: plain },
    'in float16, with casts at both ends': { shape: picture, numbers: 'float16', network: plain },
    'in float16 from the input to the scores': {
      shape: picture,
      numbers: 'float16',
      type: 'float16',
      scoresType: 'float16',
      network(net, x) {
        const features = [8, 16, 16].reduce(
          (feature, width, i) => net.conv(feature, width, { stride: i > 0 ? 2 : 1 }),
          x,
        );
        return pooledClassifier(net, features);
      },
    },
    'in float16 with a softmax in float32': {
      shape: picture,
      scores: 'probabilities',
      numbers: 'float16',
      scoresType: 'float32',
      network: (net, x) => each(net, cast(net, plain(net, x), 'float32'), 'Softmax'),
    },
    'by quantising each batch by its own range': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        const [codes, scale, zero] = ['codes', 'scale', 'zero'];
        net.editor.addNode('DynamicQuantizeLinear', [features.name], [codes, scale, zero]);
        const values = net.write('DequantizeLinear', [codes, scale, zero], features.shape);
        return pooledClassifier(net, net.conv(values, 16));
      },
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /DynamicQuantizeLinear node .* quantises by the range of the whole batch/,
        hint: /Quantise the model statically.*or give the float model/,
      },
    },
  });
});
