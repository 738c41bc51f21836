import { declareInput, type Feature, type Layers } from '@offramp/augment/testing';
import { describe } from 'vitest';
import { classes, elementTypes, type ModelKind } from './support/model-kind.js';
import {
  attention,
  linear,
  list,
  patches,
  picture,
  plain,
  size,
  tokenAt,
  tokens,
} from './support/networks.js';
import { testKinds } from './support/test-kinds.js';

/** `expand(batch, -1, -1)`, as it is traced. */
function expanded(net: Layers, token: string, batch: Feature, width: number): Feature {
  const wanted = list(net, batch, -1, -1);
  const ones = net.write(
    'Add',
    [net.floats([1]), net.write('ConstantOfShape', [net.integers64([3])], [])],
    [],
  );
  const whole = net.write('Cast', [ones], [], { to: { i: elementTypes.int64 } });
  const open = net.write('Equal', [wanted, net.write('Mul', [whole, net.integers64([-1])], [])], []);
  return net.write('Expand', [token, net.write('Where', [open, whole, wanted], [])], [1, width]);
}

const open: Pick<ModelKind, 'shape' | 'network' | 'written'> = {
  shape: picture,
  network: plain,
  written: (model) => declareInput(model, ['batch_size', 'num_channels', 'height', 'width']),
};

describe('Hugging Face exports', () => {
  testKinds({
    'open axes, with a shape that is said': { ...open, options: { inputShape: picture } },
    'open axes, without a shape': {
      ...open,
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /declared as \[batch_size, num_channels, height, width\]/,
        hint: /--input-shape 3,224,224/,
      },
    },
    'open axes, with a shape of other channels': {
      ...open,
      options: { inputShape: [4, 16, 16] },
      refused: {
        code: 'CONFIG_INVALID',
        message: /--input-shape: found 4,16,16/,
        hint: /takes 3,16,16, for example/,
      },
    },
    'a class token expanded by Where and Equal, and positions': {
      shape: picture,
      opset: 14,
      network(net, x) {
        const batch = size(net, x, 0);
        const embedded = patches(net, x);
        const token = expanded(net, net.weight(1, 1, 16), batch, 16);
        const all = net.write('Concat', [token, tokens(net, embedded)], [17, 16], { axis: { i: 1 } });
        const placed = net.write('Add', [all, net.weight(1, 17, 16)], [17, 16]);
        return net.dense(tokenAt(net, attention(net, attention(net, placed)), 0), classes);
      },
    },
    'layer norm in parts, and GELU by Erf': {
      shape: picture,
      opset: 14,
      network(net, x) {
        const embedded = patches(net, x);
        const sequence = tokens(net, embedded);
        const { shape } = sequence;
        const meanOf = (feature: Feature) =>
          net.write('ReduceMean', [feature], [16, 1], { axes: { ints: [-1] } });
        const centred = net.write('Sub', [sequence, meanOf(sequence)], shape);
        const squares = net.write('Pow', [centred, net.floats([2], [])], shape);
        const variance = net.write('Add', [meanOf(squares), net.floats([1e-5], [])], [16, 1]);
        const normed = net.write('Div', [centred, net.write('Sqrt', [variance], [16, 1])], shape);
        const wide = linear(net, normed, 32);
        const erf = net.write(
          'Erf',
          [net.write('Div', [wide, net.floats([Math.SQRT2], [])], wide.shape)],
          wide.shape,
        );
        const raised = net.write('Add', [erf, net.floats([1], [])], wide.shape);
        const gelu = net.write(
          'Mul',
          [net.write('Mul', [wide, raised], wide.shape), net.floats([0.5], [])],
          wide.shape,
        );
        const mixed = attention(net, linear(net, gelu, 16));
        const mean = net.write('ReduceMean', [mixed], [16], { axes: { ints: [1] }, keepdims: { i: 0 } });
        return net.dense(mean, classes);
      },
    },
    'a flatten by flatten(2), whose sizes are computed': {
      shape: picture,
      opset: 14,
      network(net, x) {
        const embedded = patches(net, x);
        const dims = net.write('Shape', [embedded], [4]);
        const first = net.write('Slice', [dims, ...[[0], [2], [0]].map((v) => net.integers64(v))], [2]);
        const flat = net.write('Reshape', [embedded, list(net, first, -1)], [16, 16]);
        const sequence = net.write('Transpose', [flat], [16, 16], { perm: { ints: [0, 2, 1] } });
        return net.dense(tokenAt(net, attention(net, sequence), 0), classes);
      },
    },
  });
});
