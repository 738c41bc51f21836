import { describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import type { GraphEditor } from './graph-editor.js';
import { profileBackbone } from './profile.js';
import { addWeight, failureOf, type SmallModel, smallModel } from './testing/small-model.js';

const size: SmallModel = { inputShape: [4, 2, 2] };

function addClassifier(g: GraphEditor, from: string): void {
  g.addNode('GlobalAveragePool', [from], ['pooled']);
  g.addNode('Flatten', ['pooled'], ['flat']);
  g.addNode('Gemm', ['flat', addWeight(g, 'w', [4, 3])], ['y']);
}

function flag(g: GraphEditor, value: number): string {
  const name = g.uniqueName('flag');
  g.graph.initializer.push(new onnx.TensorProto({ name, dataType: 9, rawData: Uint8Array.of(value) }));
  return name;
}

const statistics = (g: GraphEditor) => {
  const ones = g.addInitializer('ones', [4], new Float32Array(4).fill(1));
  return [ones, addWeight(g, 'bias', [4]), addWeight(g, 'mean', [4]), ones];
};

const refused: [name: string, build: (g: GraphEditor) => void, message: RegExp, hint: RegExp][] = [
  [
    'is quantised dynamically',
    (g) => {
      g.addNode('DynamicQuantizeLinear', ['x'], ['q', 'scale', 'zero']);
      g.addNode('DequantizeLinear', ['q', 'scale', 'zero'], ['back']);
      addClassifier(g, 'back');
    },
    /DynamicQuantizeLinear node DynamicQuantizeLinear_q quantises by the range of the whole batch/,
    /Quantise the model statically.* or give the float model/,
  ],
  [
    'has a batch norm in training mode',
    (g) => {
      g.addNode('BatchNormalization', ['x', ...statistics(g)], ['normed', 'mean2', 'var2'], {
        training_mode: { i: 1 },
      });
      addClassifier(g, 'normed');
    },
    /BatchNormalization node BatchNormalization_normed is in training mode/,
    /model\.eval\(\)/,
  ],
  [
    'has a dropout in training mode',
    (g) => {
      const ratio = g.addInitializer('ratio', [], Float32Array.of(0.5));
      g.addNode('Dropout', ['x', ratio, flag(g, 1)], ['dropped']);
      addClassifier(g, 'dropped');
    },
    /Dropout node Dropout_dropped is in training mode: it drops random values/,
    /model\.eval\(\)/,
  ],
  [
    'draws random values',
    (g) => {
      g.addNode('RandomNormalLike', ['x'], ['noise']);
      g.addNode('Add', ['x', 'noise'], ['noisy']);
      addClassifier(g, 'noisy');
    },
    /RandomNormalLike node RandomNormalLike_noise draws random values/,
    /model\.eval\(\)/,
  ],
  [
    'divides by the largest value of the batch',
    (g) => {
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('ReduceMax', ['a'], ['largest'], { keepdims: { i: 0 } });
      g.addNode('Div', ['a', 'largest'], ['b']);
      g.addNode('Tanh', ['b'], ['c']);
      addClassifier(g, 'c');
    },
    /another shares its batch: they meet between a and b \(Div node Div_b\)/,
    /computes over the whole batch/,
  ],
  [
    'takes the mean of the batch away, of small scores',
    (g) => {
      g.addNode('Mul', ['x', g.addInitializer('small', [], Float32Array.of(1e-3))], ['a']);
      g.addNode('ReduceMean', ['a'], ['mean'], { axes: { ints: [0] } });
      g.addNode('Sub', ['a', 'mean'], ['b']);
      addClassifier(g, 'b');
    },
    /another shares its batch: they meet between a and b/,
    /computes over the whole batch/,
  ],
];

describe('a model whose samples look at each other', () => {
  it.each(refused)('is refused, with the cause: %s', async (_, build, message, hint) => {
    expect(await failureOf(() => profileBackbone(smallModel(build, size)))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });

  it('is not taken for one that is in inference mode', async () => {
    const model = smallModel((g) => {
      g.addNode('BatchNormalization', ['x', ...statistics(g)], ['normed'], { training_mode: { i: 0 } });
      const ratio = g.addInitializer('ratio', [], Float32Array.of(0.5));
      g.addNode('Dropout', ['normed', ratio, flag(g, 0)], ['dropped']);
      addClassifier(g, 'dropped');
    }, size);
    expect((await profileBackbone(model)).cutPoints).toHaveLength(4);
  });

  it('is not taken for one that quantises constants', async () => {
    const model = smallModel((g) => {
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('DynamicQuantizeLinear', [addWeight(g, 'v', [4, 1, 1])], ['q', 'scale', 'zero']);
      g.addNode('DequantizeLinear', ['q', 'scale', 'zero'], ['constant']);
      g.addNode('Mul', ['a', 'constant'], ['b']);
      addClassifier(g, 'b');
    }, size);
    expect((await profileBackbone(model)).cutPoints).toHaveLength(4);
  });
});
