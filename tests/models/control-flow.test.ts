import { branchGraph, type Feature, type Layers, loopBody } from '@offramp/augment/testing';
import { describe } from 'vitest';
import { convolutions, each, picture, pooledClassifier } from './support/networks.js';
import { testKinds } from './support/test-kinds.js';

/** Rounds of a convolution with a shortcut. */
function loop(net: Layers, state: Feature, rounds: string): Feature {
  const goOn = net.write('Equal', [net.integers64([1], []), net.integers64([1], [])], []);
  const body = loopBody(state.shape, (inner, from) =>
    inner.write('Add', [from, inner.conv(from, 16, { kernel: 1 })], state.shape),
  );
  return net.write('Loop', [rounds, goOn, state], state.shape, { body: { g: body } });
}

/** One of two activations, as a condition has it. */
function choice(net: Layers, features: Feature, condition: Feature): Feature {
  const branch = (name: string, operator: string) =>
    branchGraph(name, (inner) => inner.write(operator, [features], features.shape));
  return net.write('If', [condition], features.shape, {
    then_branch: { g: branch('then', 'Softplus') },
    else_branch: { g: branch('else', 'Tanh') },
  });
}

describe('a model with', () => {
  testKinds({
    'a loop of a constant number of rounds': {
      shape: picture,
      network(net, x) {
        const looped = loop(net, convolutions(net, x), net.integers64([3], []));
        return pooledClassifier(net, net.conv(looped, 16));
      },
    },
    'a loop whose rounds depend on the picture': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        const largest = net.write('ReduceMax', [features], [], { keepdims: { i: 0 } });
        const rounds = net.write('Cast', [largest], [], { to: { i: 7 } });
        return pooledClassifier(net, loop(net, features, rounds.name));
      },
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /expected a Loop with a number of rounds that is constant/,
        hint: /traced instead of scripted/,
      },
    },
    'a condition that is constant': {
      shape: picture,
      network(net, x) {
        const condition = net.write('Equal', [net.integers64([2], []), net.integers64([2], [])], []);
        return pooledClassifier(net, net.conv(choice(net, convolutions(net, x), condition), 16));
      },
    },
    'a condition that follows from shapes': {
      shape: picture,
      network(net, x) {
        const rank = net.write('Size', [net.write('Shape', [x], [4])], []);
        const condition = net.write('Equal', [rank, net.integers64([4], [])], []);
        return pooledClassifier(net, net.conv(choice(net, convolutions(net, x), condition), 16));
      },
    },
    'a condition on all samples of a batch': {
      shape: picture,
      network(net, x) {
        const features = convolutions(net, x);
        const sum = net.write('ReduceSum', [each(net, x, 'Identity')], [], { keepdims: { i: 0 } });
        const condition = net.write('Greater', [sum, net.floats([0], [])], []);
        return pooledClassifier(net, choice(net, features, condition));
      },
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /chooses by what the samples hold, once for the whole batch/,
        hint: /without conditions on the data/,
      },
    },
  });
});
