import { describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import type { GraphEditor } from './graph-editor.js';
import { attributeOf } from './graph-editor.js';
import { profileBackbone } from './profile.js';
import { readModel } from './read-model.js';
import { maxDifference, withModel, worstCut } from './testing/halves.js';
import { addWeight, smallModelBytes } from './testing/small-model.js';

type Nodes = [opType: string, inputs: string[], outputs: string[], attributes?: onnx.AttributeProto[]][];

function graphOf(name: string, nodes: Nodes, outputs: string[], initializer: onnx.TensorProto[] = []) {
  return new onnx.GraphProto({
    name,
    node: nodes.map(
      ([opType, input, output, attribute = []]) => new onnx.NodeProto({ opType, input, output, attribute }),
    ),
    initializer,
    output: outputs.map((output) => new onnx.ValueInfoProto({ name: output })),
  });
}

function truth(g: GraphEditor, value: boolean): string {
  const name = g.uniqueName('truth');
  g.graph.initializer.push(
    new onnx.TensorProto({ name, dataType: 9, rawData: Uint8Array.of(Number(value)) }),
  );
  return name;
}

function addClassifier(g: GraphEditor, from: string): void {
  g.addNode('Gemm', [from, addWeight(g, 'v', [4, 3])], ['y']);
}

const cases: [name: string, cutPoints: string[], build: (g: GraphEditor) => void][] = [
  [
    'with constants and names of its own',
    ['a', 't', 'b', 'c', 't_2', 'd'],
    (g) => {
      g.addNode('Relu', ['x'], ['a']);
      const bias = (value: number) =>
        new onnx.TensorProto({
          name: 'bias',
          dataType: 1,
          rawData: new Uint8Array(Float32Array.of(value).buffer),
        });
      const branch = (value: number, reads: string) => ({
        g: graphOf(
          'branch',
          [
            ['Add', [reads, 'bias'], ['t']],
            ['Tanh', ['t'], ['out']],
          ],
          ['out'],
          [bias(value)],
        ),
      });
      g.addNode('If', [truth(g, true)], ['b'], { then_branch: branch(1, 'a'), else_branch: branch(2, 'a') });
      g.addNode('Relu', ['b'], ['c']);
      g.addNode('If', [truth(g, false)], ['d'], { then_branch: branch(3, 'c'), else_branch: branch(4, 'c') });
      addClassifier(g, 'd');
    },
  ],
  [
    'inside of another',
    ['a', 'b'],
    (g) => {
      const condition = truth(g, true);
      const inner = (opType: string) => graphOf('inner', [[opType, ['a'], ['inner_out']]], ['inner_out']);
      const outer = (first: string) =>
        graphOf(
          'outer',
          [
            [
              'If',
              [condition],
              ['outer_out'],
              [
                attributeOf('then_branch', { g: inner(first) }),
                attributeOf('else_branch', { g: inner('Relu') }),
              ],
            ],
          ],
          ['outer_out'],
        );
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('If', [condition], ['b'], {
        then_branch: { g: outer('Sigmoid') },
        else_branch: { g: outer('Tanh') },
      });
      addClassifier(g, 'b');
    },
  ],
  [
    'that hands on what it reads',
    ['a', 'b'],
    (g) => {
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('If', [truth(g, false)], ['b'], {
        then_branch: { g: graphOf('then', [['Tanh', ['a'], ['then_out']]], ['then_out']) },
        else_branch: { g: graphOf('else', [['Identity', ['a'], ['else_out']]], ['else_out']) },
      });
      addClassifier(g, 'b');
    },
  ],
];

describe('an If on a constant', () => {
  it.each(cases)('is replaced by the branch that is taken: %s', async (_, cutPoints, build) => {
    const bytes = smallModelBytes(build);
    const backbone = await profileBackbone(readModel(bytes, 'small.onnx'));
    expect(backbone.cutPoints.map(({ tensor }) => tensor)).toEqual(cutPoints);
    expect(backbone.model.graph.node.some(({ opType }) => opType === 'If')).toBe(false);
    expect(await withModel(bytes, (whole) => worstCut(backbone, whole))).toBeLessThanOrEqual(maxDifference);
  });

  it('has its cost counted', async () => {
    const bytes = smallModelBytes((g) => {
      const branch = (name: string, opType: string) => ({
        g: graphOf(name, [[opType, ['x', addWeight(g, 'w', [4, 4])], [`${name}_out`]]], [`${name}_out`]),
      });
      g.addNode('If', [truth(g, true)], ['a'], {
        then_branch: branch('then', 'MatMul'),
        else_branch: branch('else', 'Add'),
      });
      addClassifier(g, 'a');
    });
    const { macs, uncounted } = await profileBackbone(readModel(bytes, 'small.onnx'));
    expect({ macs, uncounted }).toEqual({ macs: 16 + 12, uncounted: [] });
  });
});
