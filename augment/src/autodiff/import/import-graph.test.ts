import { createSession } from '@offramp/bundle';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphEditor } from '../../onnx/graph-editor.js';
import { writeModel } from '../../onnx/write-model.js';
import { gradients } from '../gradients.js';
import { GraphBuilder } from '../graph-builder.js';
import { openEvaluation, uniform } from '../testing/evaluation.js';
import { importGraph } from './import-graph.js';

const shape = [3, 9, 8];
const batch = 2;

function graphOf(build: (g: GraphEditor, weight: (...dims: number[]) => string) => void): GraphEditor {
  const g = GraphEditor.create('x', shape, 17);
  let seed = 0;
  build(g, (...dims) => g.addInitializer('weight', dims, uniform(dims, ++seed, -0.5, 0.5)));
  return g;
}

const integers = (g: GraphEditor, ...values: number[]) =>
  g.addInitializer('integers', [values.length], BigInt64Array.from(values, BigInt));

const nets: [name: string, net: GraphEditor, output: number[]][] = [
  [
    'convolutions, normalisation, pooling and a classifier',
    graphOf((g, weight) => {
      g.addNode('Conv', ['x', weight(4, 3, 3, 3), weight(4)], ['a'], {
        ...{ kernel_shape: { ints: [3, 3] }, pads: { ints: [1, 0, 2, 1] } },
      });
      const positive = g.addInitializer('variance', [4], Float32Array.of(0.5, 1, 2, 3));
      g.addNode('BatchNormalization', ['a', weight(4), weight(4), weight(4), positive], ['b']);
      g.addNode('HardSwish', ['b'], ['c']);
      g.addNode('Conv', ['c', weight(4, 1, 3, 3)], ['d'], {
        ...{ group: { i: 4 }, strides: { ints: [2, 2] }, pads: { ints: [1, 1, 1, 1] } },
      });
      g.addNode('Relu', ['d'], ['e']);
      g.addNode('GlobalAveragePool', ['e'], ['pooled']);
      g.addNode('Flatten', ['pooled'], ['flat']);
      g.addNode('Gemm', ['flat', weight(5, 4), weight(5)], ['logits'], { transB: { i: 1 } });
      g.addNode('Softmax', ['logits'], ['y']);
    }),
    [5],
  ],
  [
    'shapes, slices, padding and arithmetic',
    graphOf((g, weight) => {
      g.addNode('Pad', ['x', integers(g, 0, 1, 0, 0, 0, 2, 0, 0)], ['padded']);
      g.addNode(
        'Slice',
        ['x', integers(g, 0, 0), integers(g, 99, 99), integers(g, 2, 3), integers(g, 2, 2)],
        ['half'],
      );
      g.addNode('Transpose', ['half'], ['turned'], { perm: { ints: [0, 2, 3, 1] } });
      g.addNode('Reshape', ['turned', integers(g, 0, -1)], ['rows']);
      g.addNode('MatMul', ['rows', weight(60, 6)], ['short']);
      g.addNode('ReduceMean', ['padded'], ['mean'], { axes: { ints: [2, 3] }, keepdims: { i: 0 } });
      g.addNode('Concat', ['short', 'mean'], ['both'], { axis: { i: 1 } });
      g.addNode('Sigmoid', ['both'], ['s']);
      g.addNode('Clip', ['s', g.addInitializer('low', [], Float32Array.of(0.3))], ['y']);
    }),
    [12],
  ],
];

describe('a graph that is continued through a trained model', () => {
  it.each(nets)('computes what ONNX Runtime does: %s', async (_, net, output) => {
    const values = uniform([batch, ...shape], 7);
    const g = new GraphBuilder();
    const x = g.input('in', [batch, ...shape]);
    const y = importGraph(net.proto, x, 'y');
    expect(y.shape).toEqual([batch, ...output]);
    net.addOutput('y', output);
    const session = await createSession(writeModel(net.proto), {});
    const expected = (await session.run({ x: new Tensor('float32', values, [batch, ...shape]) })).y?.data;
    await session.release();
    const weights = g.constant(uniform(y.shape, 8), y.shape);
    const loss = g.sum(g.mul(y, weights));
    const evaluation = await openEvaluation({ in: x }, [y, loss, ...gradients(loss, [x])]);
    const [found, , gradient] = await evaluation.run({ in: values });
    (expected as Float32Array).forEach((value, i) => {
      expect(found?.[i]).toBeCloseTo(value, 5);
    });
    // Along the gradient the loss rises by its squared length.
    const square = (gradient as Float32Array).reduce((sum, value) => sum + value * value, 0);
    const at = async (step: number) => {
      const moved = values.map((value, i) => value + step * (gradient?.[i] as number));
      return (await evaluation.run({ in: moved }))[1]?.[0] as number;
    };
    const h = 5e-3 / Math.sqrt(square);
    expect(((await at(h)) - (await at(-h))) / (2 * h)).toBeCloseTo(square, 1 - Math.log10(square) / 2);
    await evaluation.close();
  });

  it.each([
    [
      'an operator',
      (g: GraphEditor) => g.addNode('Erf', ['x'], ['y']),
      'Erf: expected an operator with a gradient',
    ],
    [
      'a form of one',
      (g: GraphEditor) => g.addNode('Softmax', ['x'], ['y'], { axis: { i: 1 } }),
      'Softmax: expected the last axis, found 1',
    ],
    [
      'an operator of another domain',
      (g: GraphEditor) => g.addNode('com.microsoft.Gelu', ['x'], ['y']),
      'expected an operator with a gradient',
    ],
  ])('refuses %s without a gradient here', (_, build, message) => {
    const net = graphOf(build);
    const x = new GraphBuilder().input('in', [batch, ...shape]);
    expect(() => importGraph(net.proto, x, 'y')).toThrow(
      expect.objectContaining({ code: 'TENSOR_INVALID', message: expect.stringContaining(message) }),
    );
  });
});
