import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphEditor } from './graph-editor.js';
import { failureOf } from './testing/small-model.js';
import { writeModel } from './write-model.js';

describe('GraphEditor', () => {
  it('builds a model that runs on any batch', async () => {
    const editor = GraphEditor.create('x', [2], 17);
    const weight = editor.addInitializer('w', [2, 2], Float32Array.of(1, 2, 3, 4));
    const shape = editor.addInitializer('to', [2], BigInt64Array.of(-1n, 1n));
    editor.addNode('Gemm', ['x', weight], ['a'], { alpha: { f: 0.5 }, transB: { i: 1 } });
    editor.addNode('Reshape', ['a', shape], ['y']);
    editor.addOutput('y', [1]);
    expect(editor.opset).toBe(17);
    const session = await InferenceSession.create(writeModel(editor.proto));
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1, 1, 0, 2), [2, 2]) });
    expect(y?.dims).toEqual([4, 1]);
    expect(y?.data).toEqual(Float32Array.of(1.5, 3.5, 2, 4));
    await session.release();
  });

  it('gives out names that nothing has', () => {
    const editor = GraphEditor.create('x', [2], 17);
    editor.addNode('Relu', ['x'], ['a']);
    expect([
      editor.uniqueName('x'),
      editor.uniqueName('a'),
      editor.uniqueName('a'),
      editor.uniqueName('b'),
    ]).toEqual(['x_2', 'a_2', 'a_3', 'b']);
    expect(editor.addInitializer('a', [], Float32Array.of(1))).toBe('a_4');
  });

  it("gives no node the name of another one, which need not be its output's", () => {
    const { proto } = GraphEditor.create('x', [2], 17);
    new GraphEditor(proto).addNode('Relu', ['x'], ['a']);
    const [node] = proto.graph?.node ?? [];
    if (node) node.output = ['renamed'];
    const editor = new GraphEditor(proto);
    editor.addNode('Relu', ['renamed'], ['a']);
    expect(editor.graph.node.map(({ name }) => name)).toEqual(['Relu_a', 'Relu_a_2']);
  });

  it('refuses data that does not fill its dimensions', async () => {
    const editor = GraphEditor.create('x', [2], 17);
    expect(await failureOf(() => editor.addInitializer('w', [2, 2], new Float32Array(3)))).toMatchObject({
      code: 'TENSOR_INVALID',
      message: 'tensor w: expected 4 values for 2×2, found 3',
    });
  });
});
