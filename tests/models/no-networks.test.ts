import { describe } from 'vitest';
import { classes } from './support/model-kind.js';
import { convolutions, picture, pooledClassifier } from './support/networks.js';
import { testKinds } from './support/test-kinds.js';

describe('what is no network, or none that can be cut:', () => {
  testKinds({
    'a tree ensemble': {
      shape: [8],
      network: (net, x) =>
        net.write('ai.onnx.ml.TreeEnsembleClassifier', [x], [classes], {
          nodes_modes: { s: 'LEAF' },
        }),
      written: ({ proto }) => {
        proto.opsetImport = proto.opsetImport.filter(({ domain }) => domain !== '');
      },
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /only those of ai\.onnx\.ml: ai\.onnx\.ml\.TreeEnsembleClassifier/,
        hint: /between the layers of a neural network/,
      },
    },
    'operators that ONNX does not have': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        return pooledClassifier(net, net.write('example.custom.Frobnicate', [features], features.shape));
      },
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /example\.custom\.Frobnicate/,
        hint: /with the operators of ONNX/,
      },
    },
    'one operator': {
      shape: [16],
      network: (net, x) => net.write('MatMul', [x, net.weight(16, classes)], [classes]),
      written({ graph }) {
        const [product] = graph.node;
        graph.node = [Object.assign(product ?? {}, { output: ['scores'] })] as typeof graph.node;
      },
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /MatMul/,
        hint: /between the layers of a neural network/,
      },
    },
    'one matrix product, whose bundle has no branches': {
      shape: [16],
      network: (net, x) => net.write('MatMul', [x, net.weight(16, classes)], [classes]),
      withoutBranches: /no cut points .* before the end of its cost/,
    },
    'a file that is cut short': {
      shape: picture,
      network: (net, x) => pooledClassifier(net, x),
      written: ({ proto }) => {
        proto.opsetImport = [];
      },
      refused: { code: 'MODEL_INVALID', message: /the file may be truncated/, hint: /Copy or export/ },
    },
  });
});
