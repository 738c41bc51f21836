import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import type { GraphEditor } from './graph-editor.js';
import { profileBackbone } from './profile.js';
import { readModel } from './read-model.js';
import { differingSamples, maxDifference, withModel, worstCut } from './testing/halves.js';
import { addWeight, failureOf, type SmallModel, smallModelBytes } from './testing/small-model.js';
import { currentOpset } from './upgrade.js';
import { batchOf } from './value-info.js';
import { writeModel } from './write-model.js';

interface Case {
  /** Of an operator set in which the operator looks like this. */
  opset: number;
  /** Writes `y` from `x` [N, 2, 4, 4]. */
  build(g: GraphEditor): void;
}

const floats = (g: GraphEditor, ...values: number[]) =>
  g.addInitializer('f', [values.length], Float32Array.from(values));

const cases: Record<string, Case> = {
  'BatchNormalization with spatial': {
    opset: 8,
    build: (g) => {
      const statistics = ['scale', 'bias', 'mean'].map((name) => addWeight(g, name, [2]));
      g.addNode('BatchNormalization', ['x', ...statistics, floats(g, 0.5, 2)], ['y'], { spatial: { i: 1 } });
    },
  },
  'Clip to both sides': {
    opset: 10,
    build: (g) => g.addNode('Clip', ['x'], ['y'], { min: { f: -0.25 }, max: { f: 0.5 } }),
  },
  'Clip from above': { opset: 7, build: (g) => g.addNode('Clip', ['x'], ['y'], { max: { f: 0.5 } }) },
  'Clip to nothing': { opset: 7, build: (g) => g.addNode('Clip', ['x'], ['y']) },
  Dropout: { opset: 7, build: (g) => g.addNode('Dropout', ['x'], ['y'], { ratio: { f: 0.5 } }) },
  ImageScaler: {
    opset: 7,
    build: (g) => g.addNode('ImageScaler', ['x'], ['y'], { scale: { f: 0.25 }, bias: { floats: [1, -2] } }),
  },
  'Pad with a value': {
    opset: 9,
    build: (g) =>
      g.addNode('Pad', ['x'], ['y'], { pads: { ints: [0, 0, 1, 1, 0, 0, 2, 1] }, value: { f: 0.5 } }),
  },
  'Pad by reflection': {
    opset: 7,
    build: (g) =>
      g.addNode('Pad', ['x'], ['y'], { mode: { s: 'reflect' }, pads: { ints: [0, 0, 1, 1, 0, 0, 1, 1] } }),
  },
  'ReduceSum over axes': {
    opset: 12,
    build: (g) => g.addNode('ReduceSum', ['x'], ['y'], { axes: { ints: [1, 3] }, keepdims: { i: 0 } }),
  },
  'Resize to the nearest': {
    opset: 10,
    build: (g) => g.addNode('Resize', ['x', floats(g, 1, 1, 2, 1.5)], ['y'], { mode: { s: 'nearest' } }),
  },
  'Resize to a smaller picture': {
    opset: 10,
    build: (g) => g.addNode('Resize', ['x', floats(g, 1, 1, 0.5, 0.5)], ['y'], { mode: { s: 'linear' } }),
  },
  'Slice by attributes': {
    opset: 9,
    build: (g) =>
      g.addNode('Slice', ['x'], ['y'], {
        starts: { ints: [0, 1] },
        ends: { ints: [1, -1] },
        axes: { ints: [1, 2] },
      }),
  },
  'Slice without axes': {
    opset: 7,
    build: (g) => g.addNode('Slice', ['x'], ['y'], { starts: { ints: [0, 1] }, ends: { ints: [99, 2] } }),
  },
  'Softmax over several axes': { opset: 12, build: (g) => g.addNode('Softmax', ['x'], ['y']) },
  'Softmax over the last axis': {
    opset: 9,
    build: (g) => g.addNode('Softmax', ['x'], ['y'], { axis: { i: 3 } }),
  },
  'LogSoftmax from an inner axis on': {
    opset: 11,
    build: (g) => g.addNode('LogSoftmax', ['x'], ['y'], { axis: { i: -2 } }),
  },
  Hardmax: { opset: 11, build: (g) => g.addNode('Hardmax', ['x'], ['y'], { axis: { i: 2 } }) },
  'Split into unequal parts': {
    opset: 12,
    build: (g) => {
      g.addNode('Split', ['x'], ['a', 'b'], { axis: { i: 2 }, split: { ints: [1, 3] } });
      g.addNode('Mul', ['a', 'b'], ['y']);
    },
  },
  'Split into equal parts': {
    opset: 7,
    build: (g) => {
      g.addNode('Split', ['x'], ['a', 'b'], { axis: { i: 1 } });
      g.addNode('Mul', ['a', 'b'], ['y']);
    },
  },
  'Squeeze and Unsqueeze': {
    opset: 11,
    build: (g) => {
      g.addNode('GlobalMaxPool', ['x'], ['pooled']);
      g.addNode('Squeeze', ['pooled'], ['flat'], { axes: { ints: [2, 3] } });
      g.addNode('Unsqueeze', ['flat'], ['y'], { axes: { ints: [1, 3] } });
    },
  },
  TopK: {
    opset: 9,
    build: (g) => g.addNode('TopK', ['x'], ['y', 'at'], { k: { i: 3 }, axis: { i: 2 } }),
  },
  'Upsample by an attribute': {
    opset: 7,
    build: (g) => g.addNode('Upsample', ['x'], ['y'], { scales: { floats: [1, 1, 2, 3] } }),
  },
  'Upsample by an input': {
    opset: 9,
    build: (g) => g.addNode('Upsample', ['x', floats(g, 1, 1, 2, 2)], ['y'], { mode: { s: 'linear' } }),
  },
};

const picture: SmallModel = { inputShape: [2, 4, 4], outputShape: [3] };

/** What a model answers to different samples. */
async function answersOf(bytes: Uint8Array): Promise<{ dims: readonly number[]; data: ArrayLike<number> }> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 });
  const input = new Tensor('float32', differingSamples(3, [2, 4, 4]), [3, 2, 4, 4]);
  const { y } = await session.run({ x: input }, ['y']);
  await session.release();
  return { dims: y?.dims ?? [], data: Array.from((y?.data ?? []) as Float32Array, Math.fround) };
}

describe('upgrade', () => {
  it.each(Object.entries(cases))('keeps what a node computes: %s', async (_, { opset, build }) => {
    const bytes = smallModelBytes(build, { ...picture, opset });
    // The declared shape of the output would tell the rank.
    const proto = onnx.ModelProto.decode(bytes);
    (proto.graph as onnx.GraphProto).output = [new onnx.ValueInfoProto({ name: 'y' })];
    const stored = writeModel(proto);
    const model = readModel(stored, 'm.onnx');
    expect([model.opset, model.older?.opset]).toEqual([currentOpset, opset]);
    const after = await answersOf(writeModel(model.proto));
    const before = await answersOf(stored);
    expect(after.dims).toEqual(before.dims);
    expect(Array.from(after.data)).toEqual(Array.from(before.data, (value) => expect.closeTo(value, 5)));
  });

  it('looks into the graphs of a node', async () => {
    const bytes = smallModelBytes(
      (g) => {
        const branch = (name: string, max: number) => {
          const attribute = new onnx.AttributeProto({ name: 'max', type: 1, f: max });
          return new onnx.GraphProto({
            name,
            node: [
              new onnx.NodeProto({
                opType: 'Clip',
                input: ['x'],
                output: [`${name}_y`],
                attribute: [attribute],
              }),
            ],
            output: [batchOf(`${name}_y`, [2, 4, 4])],
          });
        };
        g.addNode('ReduceMax', ['x'], ['largest'], { keepdims: { i: 0 } });
        g.addNode('Cast', ['largest'], ['any'], { to: { i: 9 } });
        g.addNode('If', ['any'], ['y'], {
          then_branch: { g: branch('then', 0.5) },
          else_branch: { g: branch('else', 0.1) },
        });
      },
      { ...picture, opset: 10 },
    );
    expect(await answersOf(writeModel(readModel(bytes, 'm.onnx').proto))).toEqual(await answersOf(bytes));
  });

  const classifier = (g: GraphEditor) => {
    g.addNode('Conv', ['x', addWeight(g, 'w1', [4, 2, 3, 3])], ['c1']);
    if (g.opset < 11) g.addNode('Clip', ['c1'], ['relu6'], { min: { f: 0 }, max: { f: 6 } });
    else g.addNode('Clip', ['c1', '', g.addInitializer('six', [], Float32Array.of(6))], ['relu6']);
    g.addNode('Dropout', ['relu6'], ['dropped']);
    g.addNode('ReduceSum', ['dropped'], ['pooled'], { axes: { ints: [2, 3] }, keepdims: { i: 0 } });
    g.addNode('Gemm', ['pooled', addWeight(g, 'w2', [4, 3]), floats(g, 0, 1, 2)], ['scores']);
    g.addNode('Softmax', ['scores'], ['y']);
  };

  it.each([7, 8, 9, 10, 11, 12])('lets a classifier of operator set %i be cut', async (opset) => {
    const bytes = smallModelBytes(classifier, { ...picture, opset });
    const backbone = await profileBackbone(readModel(bytes, 'm.onnx'));
    expect(backbone.cutPoints.map(({ tensor }) => tensor)).toEqual([
      ...['c1', 'relu6', 'dropped', 'pooled', 'scores'],
    ]);
    expect(await withModel(bytes, (whole) => worstCut(backbone, whole))).toBeLessThanOrEqual(maxDifference);
  });

  it.each<[string, number, (g: GraphEditor) => void, RegExp]>([
    ['an operator set of long ago', 6, (g) => g.addNode('Relu', ['x'], ['y']), /set 7 or newer, found 6/],
    [
      'statistics for each value',
      8,
      (g) => {
        const statistics = ['a', 'b', 'c', 'd'].map((name) => addWeight(g, name, [2, 4, 4]));
        g.addNode('BatchNormalization', ['x', ...statistics], ['y'], { spatial: { i: 0 } });
      },
      /found 8 with BatchNormalization node BatchNormalization_y, whose statistics are per value/,
    ],
    [
      'a mask of Dropout',
      9,
      (g) => {
        g.addNode('Dropout', ['x'], ['kept', 'mask']);
        g.addNode('Mul', ['kept', 'mask'], ['y']);
      },
      /found 9 with Dropout node Dropout_kept, whose mask is used/,
    ],
  ])('refuses %s', async (_, opset, build, message) => {
    const bytes = smallModelBytes(build, { ...picture, opset });
    expect(await failureOf(() => readModel(bytes, 'm.onnx'))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/opset_version=13/),
    });
  });

  it('refuses a model that then answers otherwise', async () => {
    const model = readModel(smallModelBytes(classifier, { ...picture, opset: 9 }), 'm.onnx');
    const changed = onnx.ModelProto.decode(writeModel(model.proto));
    const clip = changed.graph?.node.find(({ opType }) => opType === 'Clip');
    if (clip) clip.opType = 'Max';
    const wrong = { ...model, proto: changed, graph: changed.graph as onnx.GraphProto };
    expect(await failureOf(() => profileBackbone(wrong))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/brought from operator set 9 to 13; it answers otherwise then/),
    });
  });
});
