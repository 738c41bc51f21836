import { declareInput, type Feature, type Layers } from '@offramp/augment/testing';
import { describe } from 'vitest';
import { classes } from './support/model-kind.js';
import { convolutions, picture, plain, pooledClassifier } from './support/networks.js';
import { testKinds } from './support/test-kinds.js';

const forInference = /model\.eval\(\)/;

/** A normalisation by statistics of the batch. */
function trained(net: Layers, features: Feature): Feature {
  const ones = net.floats(new Array<number>(16).fill(1));
  const outputs = ['normed', 'running_mean', 'running_var'];
  net.editor.addNode('BatchNormalization', [features.name, ones, ones, ones, ones], outputs, {
    training_mode: { i: 1 },
  });
  return { name: 'normed', shape: features.shape };
}

describe('a model whose batch is', () => {
  testKinds({
    'fixed to 1': {
      shape: picture,
      network: plain,
      written: (model) => declareInput(model, [1, ...picture]),
    },
    'fixed to 4': {
      shape: picture,
      batch: 4,
      network: (net, x) => {
        const features = convolutions(net, x);
        return net.dense(net.write('Reshape', [features, net.integers64([4, -1])], [16 * 16]), classes);
      },
      written: (model) => declareInput(model, [4, ...picture]),
    },
    'fixed to 1 in a way that cannot be undone': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        const token = net.weight(1, 16, 1, 4);
        return pooledClassifier(net, net.write('Concat', [features, token], [16, 5, 4], { axis: { i: 2 } }));
      },
      written: (model) => declareInput(model, [1, ...picture]),
      refused: { code: 'MODEL_UNSUPPORTED', message: /a batch of another size fails/, hint: /dynamic batch/ },
    },
    'what batch norm in training mode normalises by': {
      shape: picture,
      network: (net, x) => pooledClassifier(net, trained(net, convolutions(net, x))),
      refused: { code: 'MODEL_UNSUPPORTED', message: /is in training mode/, hint: forInference },
    },
    'joined by dropout in training mode': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        const yes = net.write('Equal', [net.integers64([1], []), net.integers64([1], [])], []);
        const dropped = net.write('Dropout', [features, net.floats([0.5], []), yes], features.shape);
        return pooledClassifier(net, dropped);
      },
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /training mode|answered differently/,
        hint: forInference,
      },
    },
    noisy: {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        const noise = net.write('RandomNormalLike', [features], features.shape);
        return pooledClassifier(net, net.write('Add', [features, noise], features.shape));
      },
      refused: { code: 'MODEL_UNSUPPORTED', message: /draws random values/, hint: forInference },
    },
    'centred by its own mean': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        const mean = net.write('ReduceMean', [features], features.shape, { axes: { ints: [0] } });
        return pooledClassifier(net, net.write('Sub', [features, mean], features.shape));
      },
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /another shares its batch: they meet between/,
        hint: /without reductions over the batch/,
      },
    },
  });
});
