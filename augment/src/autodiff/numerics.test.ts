import { describe, expect, it } from 'vitest';
import { gradients } from './gradients.js';
import { GraphBuilder } from './graph-builder.js';
import type { Tensor } from './tensor.js';
import { evaluate } from './testing/evaluation.js';

/** Value and gradient of an element-wise operator. */
async function atPoints(build: (g: GraphBuilder, x: Tensor) => Tensor, points: readonly number[]) {
  const g = new GraphBuilder();
  const x = g.input('x', [points.length]);
  const y = build(g, x);
  const [values, slopes] = await evaluate({ x }, { x: Float32Array.from(points) }, [
    y,
    ...gradients(g.sum(y), [x]),
  ]);
  return { values: [...(values ?? [])], slopes: [...(slopes ?? [])] };
}

function expectClose(found: readonly number[], expected: readonly number[], digits = 6) {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] as number, digits);
  });
}

describe('far from zero', () => {
  it('sigmoid saturates', async () => {
    const { values, slopes } = await atPoints((g, x) => g.sigmoid(x), [-1000, -50, 0, 50, 1000]);
    expectClose(values, [0, 0, 0.5, 1, 1]);
    expectClose(slopes, [0, 0, 0.25, 0, 0]);
  });

  it('logSigmoid becomes linear', async () => {
    const { values, slopes } = await atPoints((g, x) => g.logSigmoid(x), [-1000, -50, 0, 50, 1000]);
    expectClose(values, [-1000, -50, -Math.LN2, 0, 0]);
    expectClose(slopes, [1, 1, 0.5, 0, 0]);
  });

  it('softplus becomes linear', async () => {
    const { values, slopes } = await atPoints((g, x) => g.softplus(x), [-1000, 0, 1000]);
    expectClose(values, [0, Math.LN2, 1000]);
    expectClose(slopes, [0, 0.5, 1]);
  });

  it('gelu is zero or the identity', async () => {
    const { values, slopes } = await atPoints((g, x) => g.gelu(x), [-100, 100]);
    expectClose(values, [0, 100]);
    expectClose(slopes, [0, 1]);
  });

  it('softmax and logSoftmax neither overflow nor lose small probabilities', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', [1, 3]);
    const logarithms = g.logSoftmax(x);
    const [values, probabilities, slopes] = await evaluate({ x }, { x: Float32Array.of(1000, 0, -1000) }, [
      logarithms,
      g.softmax(x),
      ...gradients(g.sum(g.slice(logarithms, 1, 1, 2)), [x]),
    ]);
    expectClose([...(values ?? [])], [0, -1000, -2000]);
    expectClose([...(probabilities ?? [])], [1, 0, 0]);
    expectClose([...(slopes ?? [])], [-1, 1, 0]);
  });
});

describe('at a kink', () => {
  it('relu and clip pass no gradient', async () => {
    expect((await atPoints((g, x) => g.relu(x), [-1, 0, 1])).slopes).toEqual([0, 0, 1]);
    expect((await atPoints((g, x) => g.clip(x, -1, 1), [-2, 0.5, 2])).slopes).toEqual([0, 1, 0]);
  });

  it('maximum gives the whole gradient to one side', async () => {
    const g = new GraphBuilder();
    const a = g.input('a', [2]);
    const b = g.input('b', [2]);
    const found = await evaluate({ a, b }, { a: Float32Array.of(1, 2), b: Float32Array.of(1, 3) }, [
      ...gradients(g.sum(g.maximum(a, b)), [a, b]),
    ]);
    expect(found).toEqual([Float32Array.of(1, 0), Float32Array.of(0, 1)]);
  });
});

describe('shapes that do not fit', () => {
  const g = new GraphBuilder();
  const picture = g.input('picture', [2, 3, 8, 8]);
  const matrix = g.input('matrix', [4, 5]);

  it.each<[string, () => unknown, RegExp]>([
    ['add', () => g.add(matrix, g.input('odd', [3])), /Add: expected shapes that broadcast, found 4×5 and 3/],
    ['conv channels', () => g.conv(picture, g.parameter('w', [4, 2, 3, 3])), /3 channels in 1 groups/],
    ['conv size', () => g.conv(picture, g.parameter('wide', [4, 3, 9, 9])), /larger than the padded/],
    ['matMul', () => g.matMul(matrix, matrix), /found 4×5 and 4×5/],
    ['linear bias', () => g.linear(matrix, g.filled(1, [5, 2]), g.filled(1, [3])), /a bias of 2, found 3/],
    ['reshape', () => g.reshape(matrix, [-1, 3]), /a shape for 4×5/],
    ['concat', () => g.concat([matrix, picture], 0), /equal but for axis 0/],
    ['slice', () => g.slice(matrix, 1, 2, 6), /within 0 … 5/],
    ['transpose', () => g.transpose(matrix, [0, 0]), /a permutation of 2 axes/],
    ['axis', () => g.sum(matrix, { axes: [2] }), /an axis of 4×5, found 2/],
    ['pool', () => g.averagePool(picture, { kernel: 9 }), /does not fit 2×3×8×8/],
    ['name', () => g.input('matrix', [1]), /found matrix a second time/],
  ])('%s: names what was expected and found', (_, build, message) => {
    expect(build).toThrow(message);
    expect(build).toThrow(expect.objectContaining({ code: 'TENSOR_INVALID' }));
  });
});
