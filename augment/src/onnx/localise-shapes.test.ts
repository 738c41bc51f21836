import { describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import type { GraphEditor } from './graph-editor.js';
import { profileBackbone } from './profile.js';
import { readModel } from './read-model.js';
import { maxDifference, withModel, worstCut } from './testing/halves.js';
import { addWeight, type SmallModel, smallModelBytes } from './testing/small-model.js';

const picture: SmallModel = { inputShape: [2, 8, 8] };
const integers = (g: GraphEditor, ...values: number[]) =>
  g.addInitializer('i', [values.length], BigInt64Array.from(values, BigInt));

/** Two convolutions; `features` has shape [N, 4, 8, 8]. */
function addBody(g: GraphEditor): void {
  g.addNode('Conv', ['x', addWeight(g, 'w1', [4, 2, 3, 3])], ['c1'], { pads: { ints: [1, 1, 1, 1] } });
  g.addNode('Relu', ['c1'], ['r1']);
  g.addNode('Conv', ['r1', addWeight(g, 'w2', [4, 4, 3, 3])], ['c2'], { pads: { ints: [1, 1, 1, 1] } });
  g.addNode('Relu', ['c2'], ['features']);
}

/** The first `count` sizes of a tensor's shape, from `from` on. */
function addSizes(g: GraphEditor, of: string, from: number, to: number): string {
  g.addNode('Shape', [of], [`${of}_dims`]);
  const sizes = g.uniqueName(`${of}_sizes`);
  g.addNode('Slice', [`${of}_dims`, integers(g, from), integers(g, to)], [sizes]);
  return sizes;
}

function addClassifier(g: GraphEditor, from: string, width: number): void {
  g.addNode('Gemm', [from, addWeight(g, 'wc', [width, 3])], ['y']);
}

/** 64 tokens of width 4 from `features`, as [N, 64, 4] in `tokens`. */
function addTokens(g: GraphEditor): void {
  addBody(g);
  g.addNode('Reshape', ['features', integers(g, 0, 4, 64)], ['columns']);
  g.addNode('Transpose', ['columns'], ['tokens'], { perm: { ints: [0, 2, 1] } });
}

/** The token at the front, classified. */
function addTokenClassifier(g: GraphEditor, tokens: string): void {
  g.addNode('Gather', [tokens, g.addInitializer('first', [], BigInt64Array.of(0n))], ['front'], {
    axis: { i: 1 },
  });
  addClassifier(g, 'front', 4);
}

const habits: [name: string, cutPoints: string[], build: (g: GraphEditor) => void][] = [
  [
    'a flatten to the batch size of the input',
    ['c1', 'r1', 'c2', 'features', 'flat'],
    (g) => {
      addBody(g);
      g.addNode('Concat', [addSizes(g, 'x', 0, 1), integers(g, -1)], ['to'], { axis: { i: 0 } });
      g.addNode('Reshape', ['features', 'to'], ['flat'], { allowzero: { i: 1 } });
      addClassifier(g, 'flat', 256);
    },
  ],
  [
    'a view whose sizes are taken one by one from an early tensor',
    ['c1', 'r1', 'c2', 'features', 'flat'],
    (g) => {
      addBody(g);
      g.addNode('Shape', ['c1'], ['dims']);
      const sizes = [0, 1].map((axis) => {
        const at = g.addInitializer('at', [], BigInt64Array.of(BigInt(axis)));
        g.addNode('Gather', ['dims', at], [`size${axis}`], { axis: { i: 0 } });
        g.addNode('Unsqueeze', [`size${axis}`, integers(g, 0)], [`size${axis}_1d`]);
        return `size${axis}_1d`;
      });
      g.addNode('Mul', [sizes[1] as string, integers(g, 64)], ['width']);
      g.addNode('Concat', [sizes[0] as string, 'width'], ['to'], { axis: { i: 0 } });
      g.addNode('Reshape', ['features', 'to'], ['flat']);
      addClassifier(g, 'flat', 256);
    },
  ],
  [
    'groups of channels folded into the batch and out of it again',
    ['c1', 'r1', 'c2', 'features', 'unfolded', 'flat'],
    (g) => {
      addBody(g);
      g.addNode('Mul', [addSizes(g, 'x', 0, 1), integers(g, 2)], ['twice']);
      g.addNode('Concat', ['twice', integers(g, 2, 64)], ['folded_to'], { axis: { i: 0 } });
      g.addNode('Reshape', ['features', 'folded_to'], ['folded']);
      g.addNode('Softmax', ['folded'], ['soft'], { axis: { i: -1 } });
      g.addNode('Concat', ['x_sizes', integers(g, 4, 8, 8)], ['unfolded_to'], { axis: { i: 0 } });
      g.addNode('Reshape', ['soft', 'unfolded_to'], ['unfolded']);
      g.addNode('Flatten', ['unfolded'], ['flat']);
      addClassifier(g, 'flat', 256);
    },
  ],
  [
    'a class token expanded to the batch size',
    ['c1', 'r1', 'c2', 'features', 'columns', 'tokens', 'all', 'mixed', 'front'],
    (g) => {
      addTokens(g);
      g.addNode('Concat', [addSizes(g, 'x', 0, 1), integers(g, 1, 4)], ['to'], { axis: { i: 0 } });
      g.addNode('Expand', [addWeight(g, 'token', [1, 1, 4]), 'to'], ['token_batch']);
      g.addNode('Concat', ['token_batch', 'tokens'], ['all'], { axis: { i: 1 } });
      g.addNode('MatMul', ['all', addWeight(g, 'wt', [4, 4])], ['mixed']);
      addTokenClassifier(g, 'mixed');
    },
  ],
  [
    'a class token made of ConstantOfShape, Where and Equal, as `expand` is exported',
    ['c1', 'r1', 'c2', 'features', 'columns', 'tokens', 'all', 'front'],
    (g) => {
      addTokens(g);
      g.addNode('Concat', [addSizes(g, 'x', 0, 1), integers(g, -1, -1)], ['wanted'], { axis: { i: 0 } });
      g.addNode('ConstantOfShape', [integers(g, 3)], ['zeros']);
      g.addNode('Add', [g.addInitializer('one', [1], Float32Array.of(1)), 'zeros'], ['ones_float']);
      g.addNode('Cast', ['ones_float'], ['ones'], { to: { i: 7 } });
      g.addNode('Mul', ['ones', integers(g, -1)], ['minus']);
      g.addNode('Equal', ['wanted', 'minus'], ['open']);
      g.addNode('Where', ['open', 'ones', 'wanted'], ['to']);
      g.addNode('Expand', [addWeight(g, 'token', [1, 1, 4]), 'to'], ['token_batch']);
      g.addNode('Concat', ['token_batch', 'tokens'], ['all'], { axis: { i: 1 } });
      addTokenClassifier(g, 'all');
    },
  ],
  [
    'positions counted from the shape, looked up in a table',
    ['c1', 'r1', 'c2', 'features', 'columns', 'tokens', 'placed', 'front'],
    (g) => {
      addTokens(g);
      g.addNode('Shape', ['columns'], ['dims']);
      const scalar = (value: bigint) => g.addInitializer('s', [], BigInt64Array.of(value));
      g.addNode('Gather', ['dims', scalar(2n)], ['count'], { axis: { i: 0 } });
      g.addNode('Range', [scalar(0n), 'count', scalar(1n)], ['positions']);
      g.addNode('Gather', [addWeight(g, 'table', [64, 4]), 'positions'], ['embedded'], { axis: { i: 0 } });
      g.addNode('Add', ['tokens', 'embedded'], ['placed']);
      addTokenClassifier(g, 'placed');
    },
  ],
  [
    'a resize to sizes computed from the input',
    ['c1', 'r1', 'c2', 'features', 'resized', 'pooled', 'flat'],
    (g) => {
      addBody(g);
      g.addNode('Div', [addSizes(g, 'x', 2, 4), integers(g, 2)], ['half']);
      g.addNode('Concat', [addSizes(g, 'features', 0, 2), 'half'], ['to'], { axis: { i: 0 } });
      g.addNode('Resize', ['features', '', '', 'to'], ['resized'], { mode: { s: 'linear' } });
      g.addNode('GlobalAveragePool', ['resized'], ['pooled']);
      g.addNode('Flatten', ['pooled'], ['flat']);
      addClassifier(g, 'flat', 4);
    },
  ],
  [
    'the first state of a recurrence, as large as the batch',
    ['c1', 'r1', 'c2', 'features', 'columns', 'turned', 'flat'],
    (g) => {
      addBody(g);
      g.addNode('Reshape', ['features', integers(g, 0, 4, 64)], ['columns']);
      g.addNode('Transpose', ['columns'], ['steps'], { perm: { ints: [1, 0, 2] } });
      g.addNode('Concat', [integers(g, 1), addSizes(g, 'x', 0, 1), integers(g, 5)], ['to'], {
        axis: { i: 0 },
      });
      g.addNode('ConstantOfShape', ['to'], ['state']);
      const [w, r] = [addWeight(g, 'gru_w', [1, 15, 64]), addWeight(g, 'gru_r', [1, 15, 5])];
      g.addNode('GRU', ['steps', w, r, '', '', 'state'], ['', 'last'], { hidden_size: { i: 5 } });
      g.addNode('Transpose', ['last'], ['turned'], { perm: { ints: [1, 0, 2] } });
      g.addNode('Flatten', ['turned'], ['flat']);
      addClassifier(g, 'flat', 5);
    },
  ],
  [
    'an If on the number of channels',
    ['c1', 'r1', 'c2', 'features', 'chosen', 'flat'],
    (g) => {
      addBody(g);
      g.addNode('Equal', [addSizes(g, 'x', 1, 2), integers(g, 2)], ['condition_1d']);
      g.addNode('Squeeze', ['condition_1d'], ['condition']);
      const branch = (name: string, opType: string) => ({
        g: new onnx.GraphProto({
          name,
          node: [new onnx.NodeProto({ opType, input: ['features'], output: [`${name}_out`] })],
          output: [new onnx.ValueInfoProto({ name: `${name}_out` })],
        }),
      });
      g.addNode('If', ['condition'], ['chosen'], {
        then_branch: branch('then', 'Tanh'),
        else_branch: branch('else', 'Relu'),
      });
      g.addNode('Flatten', ['chosen'], ['flat']);
      addClassifier(g, 'flat', 256);
    },
  ],
];

describe('localiseShapes', () => {
  it.each(habits)('finds the cut points that this hides: %s', async (_, cutPoints, build) => {
    const bytes = smallModelBytes(build, picture);
    const backbone = await profileBackbone(readModel(bytes, 'small.onnx'));
    expect(backbone.cutPoints.map(({ tensor }) => tensor)).toEqual(cutPoints);
    expect(await withModel(bytes, (whole) => worstCut(backbone, whole))).toBeLessThanOrEqual(maxDifference);
  });
});
