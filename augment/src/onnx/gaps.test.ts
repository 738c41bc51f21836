import { describe, expect, it } from 'vitest';
import { findCutPoints } from './cut-points.js';
import type { GraphEditor } from './graph-editor.js';
import { profileBackbone } from './profile.js';
import { addWeight, failureOf, smallModel } from './testing/small-model.js';

/** `count` dense layers of width 4 after one another, from `from` to `to`. */
function addLayers(g: GraphEditor, from: string, to: string, count: number): void {
  for (let i = 0, before = from; i < count; i++) {
    const name = i === count - 1 ? to : g.uniqueName(`${to}_${i}`);
    g.addNode('MatMul', [before, addWeight(g, 'w', [4, 4])], [name]);
    before = name;
  }
}

describe('findGaps', () => {
  it('names what bridges an expensive part without cut points', async () => {
    const { gaps } = await profileBackbone(
      smallModel((g) => {
        addLayers(g, 'x', 'a', 2);
        addLayers(g, 'a', 'b', 5);
        g.addNode('Add', ['b', 'a'], ['c']);
        g.addNode('Gemm', ['c', addWeight(g, 'v', [4, 3])], ['y']);
      }),
    );
    expect(gaps).toEqual([
      { from: 'a', to: 'c', macs: 5 * 16, bridges: [{ tensor: 'a', reader: 'Add node Add_c' }] },
    ]);
  });

  it('has nothing to say of cheap parts, nor of a single expensive operator', async () => {
    const { gaps } = await profileBackbone(
      smallModel((g) => {
        addLayers(g, 'x', 'a', 12);
        addLayers(g, 'a', 'b', 2);
        g.addNode('Add', ['b', 'a'], ['c']);
        g.addNode('MatMul', ['c', addWeight(g, 'wide', [4, 100])], ['d']);
        g.addNode('Relu', ['d'], ['e']);
        g.addNode('ReduceMean', ['e'], ['f'], { axes: { ints: [1] } });
        g.addNode('Gemm', ['f', addWeight(g, 'v', [1, 3])], ['y']);
      }),
    );
    expect(gaps).toEqual([]);
  });

  it('is what the refusal of a model without cut points names', async () => {
    const model = smallModel((g) => {
      addLayers(g, 'x', 'a', 3);
      g.addNode('Concat', ['a', 'x'], ['b'], { axis: { i: 1 } });
      g.addNode('Gemm', ['x', addWeight(g, 'u', [4, 8])], ['c']);
      g.addNode('Mul', ['b', 'c'], ['y']);
    });
    expect(await failureOf(() => findCutPoints(model))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      hint: 'A connection that spans the whole network leaves no place to cut: Gemm node Gemm_c reads x.',
    });
  });
});
