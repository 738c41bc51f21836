import { describe, expect, it } from 'vitest';
import type { GraphEditor } from './graph-editor.js';
import { profileBackbone } from './profile.js';
import { readModel } from './read-model.js';
import { difference, maxDifference, withModel, worstCut } from './testing/halves.js';
import { addWeight, failureOf, type SmallModel, smallModelBytes } from './testing/small-model.js';
import { batchOf } from './value-info.js';
import { writeModel } from './write-model.js';

function addBody(g: GraphEditor): void {
  g.addNode('Gemm', ['x', addWeight(g, 'w', [4, 6])], ['a']);
  g.addNode('Relu', ['a'], ['features']);
}

describe('a model with one score', () => {
  const cases: [name: string, shape: number[], kind: string, build: (g: GraphEditor) => void][] = [
    [
      'a logit [N, 1]',
      [1],
      'logits',
      (g) => g.addNode('Gemm', ['features', addWeight(g, 'v', [6, 1])], ['y']),
    ],
    [
      'a sigmoid [N, 1]',
      [1],
      'probabilities',
      (g) => {
        g.addNode('Gemm', ['features', addWeight(g, 'v', [6, 1])], ['score']);
        g.addNode('Sigmoid', ['score'], ['y']);
      },
    ],
    [
      'a sigmoid that is squeezed to [N]',
      [],
      'probabilities',
      (g) => {
        g.addNode('Gemm', ['features', addWeight(g, 'v', [6, 1])], ['score']);
        g.addNode('Sigmoid', ['score'], ['sigmoid']);
        g.addNode('Squeeze', ['sigmoid', g.addInitializer('axis', [1], BigInt64Array.of(1n))], ['y']);
      },
    ],
    [
      'a logit [N, 1, 1, 1]',
      [1, 1, 1],
      'logits',
      (g) => {
        g.addNode('Gemm', ['features', addWeight(g, 'v', [6, 4])], ['map']);
        const to = g.addInitializer('to', [4], BigInt64Array.of(0n, 1n, 2n, 2n));
        g.addNode('Reshape', ['map', to], ['picture']);
        g.addNode('GlobalAveragePool', ['picture'], ['y']);
      },
    ],
  ];

  it.each(cases)('has two classes, the second of which it scores: %s', async (_, shape, kind, build) => {
    const size: SmallModel = { outputShape: shape };
    const bytes = smallModelBytes((g) => {
      addBody(g);
      build(g);
    }, size);
    const backbone = await profileBackbone(readModel(bytes, 'small.onnx'));
    expect(backbone.output).toEqual({ name: 'y_two_classes', classes: 2, kind, oneScore: true });
    const ofBoth = (scores: Float32Array) =>
      Float32Array.from(
        [...scores].flatMap((score) => (kind === 'logits' ? [-score / 2, score / 2] : [1 - score, score])),
      );
    const worst = await withModel(bytes, (run) =>
      worstCut(backbone, async (data, inputShape) => ofBoth(await run(data, inputShape))),
    );
    expect(worst).toBeLessThanOrEqual(maxDifference);
  });
});

describe('a model with several outputs', () => {
  const withOutputs = (...outputs: [name: string, classes: number][]) => {
    const model = readModel(
      smallModelBytes((g) => {
        addBody(g);
        g.addNode('Gemm', ['features', addWeight(g, 'v', [6, 3])], ['y']);
        g.addNode('Gemm', ['features', addWeight(g, 'u', [6, 2])], ['colour']);
      }),
      'small.onnx',
    );
    model.graph.output = outputs.map(([name, classes]) => batchOf(name, [classes]));
    return writeModel(model.proto);
  };
  const two = withOutputs(['y', 3], ['colour', 2]);

  it('asks which of them is meant', async () => {
    expect(await failureOf(() => readModel(two, 'small.onnx'))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/found 2: y \[N, 3\], colour \[N, 2\]$/),
      hint: 'Say which of them is the answer: --output y',
    });
  });

  it('has the classes of the one that is meant, and drops what only others need', async () => {
    const backbone = await profileBackbone(readModel(two, 'small.onnx', 'colour'));
    expect(backbone.output).toEqual({ name: 'colour', classes: 2, kind: 'logits' });
    expect(backbone.macs).toBe(24 + 12);
    expect(backbone.cutPoints.map(({ tensor }) => tensor)).toEqual(['a', 'features']);
    const expected = await profileBackbone(readModel(withOutputs(['colour', 2]), 'small.onnx'));
    const input = Float32Array.of(1, -2, 3, 4);
    const answers = [backbone, expected].map(({ model }) =>
      withModel(writeModel(model.proto), (run) => run(input, [4])),
    );
    const [found, wanted] = await Promise.all(answers);
    expect(difference(found as Float32Array, wanted as Float32Array)).toBe(0);
  });

  it('does not have the one that is meant', async () => {
    expect(await failureOf(() => readModel(two, 'small.onnx', 'size'))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        /^--output: expected .* one of y \[N, 3\], colour \[N, 2\]; found size$/,
      ),
    });
  });

  it('may list one of them twice', async () => {
    const backbone = await profileBackbone(readModel(withOutputs(['y', 3], ['y', 3]), 'small.onnx'));
    expect(backbone.output.classes).toBe(3);
  });
});
