import { propertyNames } from '@offramp/runtime/testing';
import { describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import { isOpaque, macsOf, shapesNeededBy } from './cost-model.js';
import { type AttributeValue, GraphEditor } from './graph-editor.js';

function nodeOf(
  opType: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, AttributeValue> = {},
): onnx.NodeProto {
  const editor = GraphEditor.create('x', [1], 17);
  editor.addNode(opType, inputs, outputs, attributes);
  return editor.graph.node[0] as onnx.NodeProto;
}

const macs = (
  opType: string,
  shapes: { in: number[][]; out: number[] },
  attributes: Record<string, AttributeValue> = {},
) => {
  const names = shapes.in.map((_, i) => `in${i}`);
  const all = new Map([...shapes.in.map((shape, i) => [`in${i}`, shape] as const), ['out', shapes.out]]);
  return macsOf(nodeOf(opType, names, ['out'], attributes), (name) => all.get(name) ?? []);
};

describe('macsOf', () => {
  it.each<[string, number, number]>([
    // Written out: output values × products per output value.
    [
      'a convolution',
      macs('Conv', {
        in: [
          [1, 3, 32, 32],
          [16, 3, 3, 3],
        ],
        out: [1, 16, 32, 32],
      }),
      16 * 32 * 32 * 27,
    ],
    [
      'a depthwise convolution',
      macs(
        'Conv',
        {
          in: [
            [1, 8, 10, 10],
            [8, 1, 5, 5],
          ],
          out: [1, 8, 5, 5],
        },
        { group: { i: 8 } },
      ),
      8 * 5 * 5 * 25,
    ],
    [
      'a grouped convolution',
      macs('Conv', { in: [[1, 8, 4, 4], [6, 4, 3, 3], [6]], out: [1, 6, 4, 4] }, { group: { i: 2 } }),
      6 * 16 * 36,
    ],
    [
      'a convolution in one dimension',
      macs('Conv', {
        in: [
          [1, 2, 9],
          [4, 2, 3],
        ],
        out: [1, 4, 7],
      }),
      4 * 7 * 6,
    ],
    [
      'a convolution in three dimensions',
      macs('Conv', {
        in: [
          [1, 2, 4, 4, 4],
          [4, 2, 3, 3, 3],
        ],
        out: [1, 4, 2, 2, 2],
      }),
      4 * 8 * 54,
    ],
    [
      'a transposed convolution',
      macs('ConvTranspose', {
        in: [
          [1, 8, 4, 4],
          [8, 5, 2, 2],
        ],
        out: [1, 5, 8, 8],
      }),
      8 * 16 * 5 * 4,
    ],
    [
      'a quantised convolution',
      macs('QLinearConv', { in: [[1, 3, 8, 8], [], [], [4, 3, 3, 3]], out: [1, 4, 8, 8] }),
      4 * 64 * 27,
    ],
    [
      'a quantised convolution of ONNX Runtime',
      macs('com.microsoft.QLinearConv', { in: [[1, 3, 8, 8], [], [], [4, 3, 3, 3]], out: [1, 4, 8, 8] }),
      4 * 64 * 27,
    ],
    ['a quantised Gemm', macs('com.microsoft.QGemm', { in: [[1, 64]], out: [1, 10] }), 640],
    [
      'a product with a transposed matrix',
      macs('com.microsoft.FusedMatMul', { in: [[2, 5, 3]], out: [2, 3, 7] }, { transA: { i: 1 } }),
      2 * 3 * 7 * 5,
    ],
    ['a quantised sum', macs('com.microsoft.QLinearAdd', { in: [[1, 64]], out: [1, 64] }), 0],
    ['Gemm', macs('Gemm', { in: [[1, 64], [64, 10], [10]], out: [1, 10] }), 640],
    [
      'Gemm with A transposed',
      macs(
        'Gemm',
        {
          in: [
            [64, 1],
            [64, 10],
          ],
          out: [1, 10],
        },
        { transA: { i: 1 } },
      ),
      640,
    ],
    [
      'a matrix product',
      macs('MatMul', {
        in: [
          [1, 65, 64],
          [64, 192],
        ],
        out: [1, 65, 192],
      }),
      65 * 64 * 192,
    ],
    [
      'a batched matrix product',
      macs('MatMul', {
        in: [
          [1, 4, 65, 16],
          [1, 4, 16, 65],
        ],
        out: [1, 4, 65, 65],
      }),
      4 * 65 * 65 * 16,
    ],
    [
      'Einsum',
      macs(
        'Einsum',
        {
          in: [
            [1, 4, 65, 16],
            [1, 4, 65, 16],
          ],
          out: [1, 4, 65, 65],
        },
        { equation: { s: 'bhid, bhjd -> bhij' } },
      ),
      4 * 65 * 65 * 16,
    ],
    [
      'Einsum with dots',
      macs(
        'Einsum',
        {
          in: [
            [2, 3, 4, 5],
            [3, 5, 6],
          ],
          out: [2, 3, 4, 6],
        },
        { equation: { s: '...ij,...jk->...ik' } },
      ),
      2 * 3 * 4 * 5 * 6,
    ],
    [
      'Einsum of one operand',
      macs('Einsum', { in: [[4, 5]], out: [5, 4] }, { equation: { s: 'ij->ji' } }),
      0,
    ],
    [
      'LSTM',
      macs('LSTM', {
        in: [
          [7, 1, 10],
          [1, 32, 10],
          [1, 32, 8],
        ],
        out: [7, 1, 1, 8],
      }),
      7 * (320 + 256),
    ],
    [
      'an element-wise operator',
      macs('Add', {
        in: [
          [1, 8],
          [1, 8],
        ],
        out: [1, 8],
      }),
      0,
    ],
    ['pooling', macs('AveragePool', { in: [[1, 8, 4, 4]], out: [1, 8, 2, 2] }), 0],
  ])('counts %s', (_, found, expected) => {
    expect(found).toBe(expected);
  });

  it.each(propertyNames)('knows no operator %s', (operator) => {
    expect(macs(operator, { in: [[1, 8]], out: [1, 8] })).toBe(0);
    expect(shapesNeededBy(nodeOf(operator, ['x'], ['y']))).toEqual([]);
    expect(isOpaque(nodeOf('If', ['c'], ['y'], { then_branch: { g: body(operator) } }))).toBe(false);
  });

  it('asks for the shapes it needs only', () => {
    expect(shapesNeededBy(nodeOf('Conv', ['x', 'w', ''], ['y']))).toEqual(['x', 'w', 'y']);
    expect(shapesNeededBy(nodeOf('Add', ['x', 'w'], ['y']))).toEqual([]);
  });
});

const body = (opType: string) =>
  new onnx.GraphProto({ node: [new onnx.NodeProto({ opType, input: ['x'], output: ['z'] })] });

describe('isOpaque', () => {
  it('tells operators that may hide a matrix product', () => {
    expect(isOpaque(nodeOf('If', ['c'], ['y'], { then_branch: { g: body('MatMul') } }))).toBe(true);
    expect(isOpaque(nodeOf('com.microsoft.Attention', ['x'], ['y']))).toBe(true);
    expect(isOpaque(nodeOf('com.example.Conv', ['x'], ['y']))).toBe(true);
    expect(isOpaque(nodeOf('com.microsoft.FusedConv', ['x', 'w'], ['y']))).toBe(false);
    expect(isOpaque(nodeOf('com.microsoft.QLinearAdd', ['x'], ['y']))).toBe(false);
    expect(isOpaque(nodeOf('If', ['c'], ['y'], { then_branch: { g: body('Relu') } }))).toBe(false);
    expect(isOpaque(nodeOf('MatMul', ['x', 'w'], ['y']))).toBe(false);
  });
});
