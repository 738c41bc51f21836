import { describe, expect, it } from 'vitest';
import { channelAxes } from './channel-axis.js';
import { dataFlow } from './graph.js';
import type { GraphEditor } from './graph-editor.js';
import { addWeight, smallModel } from './testing/small-model.js';

const integers = (g: GraphEditor, values: readonly number[]) =>
  g.addInitializer('integers', [values.length], BigInt64Array.from(values, BigInt));
const transpose = (g: GraphEditor, from: string, to: string, perm: readonly number[]) =>
  g.addNode('Transpose', [from], [to], { perm: { ints: perm } });

/** Of the named tensors. */
function axesOf(build: (g: GraphEditor) => void, tensors: string): Record<string, number | undefined> {
  const { graph, input, output } = smallModel(build);
  const axes = channelAxes(dataFlow(graph, input.name, output.name));
  return Object.fromEntries(tensors.split(' ').map((name) => [name, axes.get(name)]));
}

describe('channelAxes', () => {
  it('follows a convolution through element-wise operators, shortcuts and pooling', () => {
    const axes = axesOf((g) => {
      g.addNode('Conv', ['x', addWeight(g, 'w', [4, 2, 3])], ['a']);
      g.addNode('Relu', ['a'], ['b']);
      g.addNode('Sigmoid', ['b'], ['c']);
      g.addNode('Mul', ['b', 'c'], ['d']);
      g.addNode('MaxPool', ['d'], ['e'], { kernel_shape: { ints: [2] } });
      g.addNode('Flatten', ['e'], ['f']);
      g.addNode('MatMul', ['f', addWeight(g, 'v', [4, 3])], ['y']);
    }, 'a b c d e f');
    expect(axes).toEqual({ a: 1, b: 1, c: 1, d: 1, e: 1, f: -1 });
  });

  it('learns from the reader where no writer tells', () => {
    const axes = axesOf((g) => {
      transpose(g, 'x', 'a', [0, 2, 1]);
      g.addNode('Mul', ['a', addWeight(g, 's', [1])], ['b']);
      g.addNode('Conv', ['b', addWeight(g, 'w', [3, 2, 1])], ['c']);
      g.addNode('GlobalAveragePool', ['c'], ['y']);
    }, 'x a b');
    expect(axes).toEqual({ x: 2, a: 1, b: 1 });
  });

  it('has the last axis of dense layers, recurrences and layer norms, and transposes it', () => {
    const axes = axesOf((g) => {
      g.addNode('MatMul', ['x', addWeight(g, 'w', [4, 4])], ['a']);
      g.addNode('Tanh', ['a'], ['b']);
      transpose(g, 'b', 'c', [0, 2, 1]);
      g.addNode('MaxPool', ['c'], ['d'], { kernel_shape: { ints: [2] } });
      transpose(g, 'd', 'e', [0, 2, 1]);
      g.addNode('LayerNormalization', ['e', addWeight(g, 's', [4])], ['f']);
      g.addNode('Flatten', ['f'], ['y']);
    }, 'a b c d e f');
    expect(axes).toEqual({ a: -1, b: -1, c: 1, d: 1, e: 2, f: -1 });
  });

  it('knows the patches of a vision transformer before and after they become tokens', () => {
    const axes = axesOf((g) => {
      g.addNode('Conv', ['x', addWeight(g, 'w', [8, 3, 4, 4])], ['patches']);
      g.addNode('Reshape', ['patches', integers(g, [0, 8, -1])], ['rows']);
      transpose(g, 'rows', 'tokens', [0, 2, 1]);
      g.addNode('LayerNormalization', ['tokens', addWeight(g, 's', [8])], ['normed']);
      g.addNode('MatMul', ['normed', addWeight(g, 'q', [8, 8])], ['query']);
      transpose(g, 'normed', 'keys', [0, 2, 1]);
      g.addNode('MatMul', ['query', 'keys'], ['scores']);
      g.addNode('Softmax', ['scores'], ['weights'], { axis: { i: -1 } });
      g.addNode('MatMul', ['weights', 'normed'], ['mixed']);
      g.addNode('Add', ['mixed', 'tokens'], ['y']);
    }, 'patches rows tokens normed mixed');
    expect(axes).toEqual({ patches: 1, rows: 1, tokens: -1, normed: -1, mixed: -1 });
  });

  it('knows a convolution over time that a converter makes of one over pictures', () => {
    const axes = axesOf((g) => {
      transpose(g, 'x', 'a', [0, 2, 1]);
      g.addNode('Unsqueeze', ['a', integers(g, [2])], ['b']);
      g.addNode('Conv', ['b', addWeight(g, 'w', [4, 2, 1, 3])], ['c']);
      g.addNode('Squeeze', ['c', integers(g, [2])], ['d']);
      transpose(g, 'd', 'e', [0, 2, 1]);
      g.addNode('Flatten', ['e'], ['y']);
    }, 'a b c d e');
    expect(axes).toEqual({ a: 1, b: 1, c: 1, d: 1, e: 2 });
  });

  it('says nothing of a tensor that was reshaped and is read as it is', () => {
    const axes = axesOf((g) => {
      g.addNode('Reshape', ['x', integers(g, [0, 2, 2])], ['a']);
      g.addNode('Relu', ['a'], ['b']);
      g.addNode('Flatten', ['b'], ['y']);
    }, 'a b');
    expect(axes).toEqual({ a: undefined, b: undefined });
  });
});
