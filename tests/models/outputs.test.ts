import type { Feature, Layers } from '@offramp/augment/testing';
import { describe } from 'vitest';
import { classes, elementTypes } from './support/model-kind.js';
import { convolutions, each, picture, plain } from './support/networks.js';
import { testKinds } from './support/test-kinds.js';

/** Adds an output `colour` of three classes beside the scores. */
function withColour(net: Layers, x: Feature): Feature {
  const features = net.pool(convolutions(net, x));
  const colour = net.dense(features, 3);
  net.editor.addNode('Identity', [colour.name], ['colour']);
  net.editor.addOutput('colour', [3]);
  return net.dense(each(net, net.dense(features, 16), 'Relu'), classes);
}

describe('a model that answers', () => {
  testKinds({
    softmax: {
      shape: picture,
      scores: 'probabilities',
      network: (net, x) => each(net, plain(net, x), 'Softmax'),
    },
    'log-softmax': { shape: picture, network: (net, x) => each(net, plain(net, x), 'LogSoftmax') },
    'one logit': {
      shape: picture,
      scores: 'one logit',
      network: (net, x) => net.dense(net.pool(convolutions(net, x)), 1),
    },
    'a sigmoid for each label': {
      shape: picture,
      network: (net, x) => each(net, plain(net, x), 'Sigmoid'),
    },
    'one of two outputs': { shape: picture, options: { output: 'scores' }, network: withColour },
    'two outputs, of which none is chosen': {
      shape: picture,
      network: withColour,
      refused: { code: 'MODEL_UNSUPPORTED', message: /expected one output/, hint: /--output colour/ },
    },
    'an output that is listed twice': {
      shape: picture,
      network: plain,
      written: ({ graph }) => void graph.output.push(...graph.output),
    },
    'scores in [batch, classes, 1, 1]': {
      shape: picture,
      network(net, x) {
        const map = net.conv(convolutions(net, x), classes, { kernel: 1, relu: false });
        return net.write('GlobalAveragePool', [map], [classes, 1, 1]);
      },
    },
    'logits of about 1e-10': {
      shape: picture,
      network: (net, x) => net.write('Mul', [plain(net, x), net.floats([1e-10])], [classes]),
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /lie within \S+e-\d+ of each other/,
        hint: /multiply them by a constant/,
      },
    },
    'a class instead of scores': {
      shape: picture,
      scoresType: 'int64',
      network: (net, x) => net.write('ArgMax', [plain(net, x)], [], { axis: { i: 1 }, keepdims: { i: 0 } }),
      refused: { code: 'MODEL_UNSUPPORTED', message: /found int64/, hint: /ArgMax/ },
    },
    'a score for each place': {
      shape: picture,
      network: (net, x) => net.conv(convolutions(net, x), classes, { kernel: 1, relu: false }),
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /one score per class.*\[batch, 5, 4, 4\]/,
        hint: /pooling over all other dimensions/,
      },
    },
    'scores in bytes': {
      shape: picture,
      numbers: 'qdq',
      scoresType: 'uint8',
      network: (net, x) => net.write('Cast', [plain(net, x)], [classes], { to: { i: elementTypes.uint8 } }),
      refused: { code: 'MODEL_UNSUPPORTED', message: /found uint8/, hint: /ArgMax or Cast/ },
    },
  });
});
