import { describe, expect, it } from 'vitest';
import type { GraphEditor } from './graph-editor.js';
import { profileBackbone } from './profile.js';
import { addWeight, failureOf, redeclaredModel, type SmallModel } from './testing/small-model.js';

const picture: SmallModel = { inputShape: [2, 8, 8] };
const open = ['N', 'C', 'H', 'W'];

/** A convolution that takes pictures of two channels. */
function addConvolution(g: GraphEditor): void {
  g.addNode('Conv', ['x', addWeight(g, 'conv_w', [4, 2, 3, 3])], ['conv'], { pads: { ints: [1, 1, 1, 1] } });
  g.addNode('Relu', ['conv'], ['features']);
}

function anySide(g: GraphEditor): void {
  addConvolution(g);
  g.addNode('GlobalAveragePool', ['features'], ['pooled']);
  g.addNode('Flatten', ['pooled'], ['flat']);
  g.addNode('Gemm', ['flat', addWeight(g, 'w', [4, 3])], ['y']);
}

/** With other sides, what is too much for one sample makes more samples. */
function sides32(g: GraphEditor): void {
  addConvolution(g);
  const to = g.addInitializer('to', [2], BigInt64Array.of(-1n, 4n * 32n * 32n));
  g.addNode('Reshape', ['features', to], ['flat']);
  g.addNode('Gemm', ['flat', addWeight(g, 'w', [4 * 32 * 32, 3])], ['y']);
}

/** Samples look at each other. */
function centred(g: GraphEditor): void {
  g.addNode('ReduceMean', ['x'], ['mean'], { axes: { ints: [0] } });
  g.addNode('Sub', ['x', 'mean'], ['centred']);
  g.addNode('GlobalAveragePool', ['centred'], ['pooled']);
  g.addNode('Flatten', ['pooled'], ['flat']);
  g.addNode('Gemm', ['flat', addWeight(g, 'w', [2, 3])], ['y']);
}

const failure = (build: (g: GraphEditor) => void, inputShape: readonly number[]) =>
  failureOf(() => profileBackbone(redeclaredModel(build, open, picture), { inputShape }));

describe('a sample shape that the model does not take', () => {
  it.each([
    ['channels', anySide, [3, 16, 20], '2,16,20'],
    ['sides', sides32, [2, 64, 64], '2,32,32'],
    ['dimensions', sides32, [64, 64], null],
  ] as const)('of other %s: says which one it takes', async (_, build, wanted, takes) => {
    const error = await failure(build, wanted);
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`--input-shape: found ${wanted.join(',')}`),
    });
    if (takes === null) return;
    expect(error).toMatchObject({
      hint: `Input x is declared as [N, C, H, W], batch first; the model takes ${takes}, for example.`,
    });
  });

  it('is not to blame for what is wrong with every shape', async () => {
    expect(await failure(centred, [2, 8, 8])).toMatchObject({ code: 'MODEL_UNSUPPORTED' });
    const unknown = (g: GraphEditor) => g.addNode('Frobnicate', ['x'], ['y']);
    expect(await failure(unknown, [2, 8, 8])).toMatchObject({ code: 'MODEL_UNSUPPORTED' });
  });
});
