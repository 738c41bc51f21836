import { describe, expect, it } from 'vitest';
import { dataFlow } from './graph.js';
import { tensorOf } from './graph-editor.js';
import { parametersOf } from './parameters.js';
import { addWeight, smallModel } from './testing/small-model.js';

describe('parametersOf', () => {
  it('counts a weight at the node that uses it first, through constant nodes too, and once', () => {
    const model = smallModel((g) => {
      const shared = addWeight(g, 'shared', [4, 4]);
      g.addNode('Transpose', [shared], ['transposed']);
      g.addNode('MatMul', ['x', 'transposed'], ['a']);
      g.addNode('MatMul', ['a', shared], ['b']);
      g.addNode('Constant', [], ['scale'], { value: { t: tensorOf('', [3], new Float32Array(3)) } });
      g.addNode('Constant', [], ['half'], { value: { t: tensorOf('', [], Float32Array.of(0.5)) } });
      g.addNode('Constant', [], ['to'], { value: { t: tensorOf('', [2], BigInt64Array.of(-1n, 4n)) } });
      g.addNode('Reshape', ['b', 'to'], ['c']);
      g.addNode('Gemm', ['c', addWeight(g, 'w', [4, 3]), addWeight(g, 'bias', [3])], ['d']);
      g.addNode('Mul', ['d', 'scale'], ['e']);
      g.addNode('Mul', ['e', 'half'], ['y']);
    });
    const { nodes } = dataFlow(model.graph, 'x', 'y');
    expect(nodes.map(({ opType }) => opType)).toEqual(['MatMul', 'MatMul', 'Reshape', 'Gemm', 'Mul', 'Mul']);
    expect(parametersOf(model.graph, nodes)).toEqual([16, 0, 0, 15, 3, 0]);
  });
});
