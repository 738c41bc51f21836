import Long from 'long';
import { describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import { withInnerNodes } from './graph.js';
import { attributeOf, type GraphEditor } from './graph-editor.js';
import { maxCallDepth, maxInlinedNodes } from './inline-functions.js';
import { maxModelBytes } from './model.js';
import { profileBackbone } from './profile.js';
import { readModel } from './read-model.js';
import { maxDifference, withModel, worstCut } from './testing/halves.js';
import { branchGraph } from './testing/inner-graphs.js';
import { addWeight, failureOf, smallModelBytes } from './testing/small-model.js';
import { writeModel } from './write-model.js';

const domain = 'own';
const imports = (version: number) => [
  new onnx.OperatorSetIdProto({ domain: '', version: Long.fromNumber(version) }),
  new onnx.OperatorSetIdProto({ domain, version: Long.ONE }),
];

const node = (opType: string, input: string[], output: string[], attribute: onnx.AttributeProto[] = []) =>
  new onnx.NodeProto({ opType, input, output, attribute, name: `${opType}_node` });

const calls = (opType: string, input: string[], output: string[]) =>
  Object.assign(node(opType, input, output), { domain });

const functionOf = (name: string, nodes: onnx.NodeProto[], more: Partial<onnx.FunctionProto> = {}) =>
  new onnx.FunctionProto({
    ...{ name, domain, input: ['from', 'by'], output: ['to'], node: nodes, opsetImport: imports(17) },
    ...more,
  });

/** Two calls of `layer`, a function of a tensor and a weight, and a classifier. @param second writes the second call, to `b` */
function withFunctions(
  functions: onnx.FunctionProto[],
  second = (g: GraphEditor, from: string, weight: string) =>
    g.addNode(`${domain}.layer`, [from, weight], ['b']),
): Uint8Array {
  const proto = onnx.ModelProto.decode(
    smallModelBytes((g) => {
      g.addNode(`${domain}.layer`, ['x', addWeight(g, 'w', [4, 4])], ['a']);
      second(g, 'a', addWeight(g, 'v', [4, 4]));
      g.addNode('MatMul', ['b', addWeight(g, 'u', [4, 3])], ['y']);
    }),
  );
  proto.functions.push(...functions);
  return writeModel(proto);
}

const refersTo = (name: string, refAttrName: string) =>
  new onnx.AttributeProto({ name, refAttrName, type: 1 });

describe('a function of the model', () => {
  it.each<[name: string, functions: onnx.FunctionProto[]]>([
    [
      'with names that the graph has, called twice',
      [functionOf('layer', [node('MatMul', ['from', 'by'], ['a']), node('Tanh', ['a'], ['to'])])],
    ],
    [
      'that calls another, without an input that may be absent',
      [
        functionOf('layer', [node('MatMul', ['from', 'by'], ['w']), calls('kept', ['w', ''], ['to'])]),
        functionOf('kept', [node('Clip', ['from', 'by'], ['to'])]),
      ],
    ],
    [
      'with an attribute that has a default, and one that is not given',
      [
        functionOf(
          'layer',
          [
            node('MatMul', ['from', 'by'], ['product']),
            node('Elu', ['product'], ['to'], [refersTo('alpha', 'steepness')]),
            node('HardSigmoid', ['product'], ['unused'], [refersTo('alpha', 'absent')]),
          ],
          { attribute: ['absent'], attributeProto: [attributeOf('steepness', { f: 0.25 })] },
        ),
      ],
    ],
  ])('is put in place of its calls: %s', async (_, functions) => {
    const bytes = withFunctions(functions);
    const backbone = await profileBackbone(readModel(bytes, 'small.onnx'));
    expect(backbone.macs).toBe(16 + 16 + 12);
    expect(backbone.uncounted).toEqual([]);
    expect(backbone.model.proto.functions).toEqual([]);
    // Two behind each call.
    expect(backbone.cutPoints).toHaveLength(4);
    expect(await withModel(bytes, (whole) => worstCut(backbone, whole))).toBeLessThanOrEqual(maxDifference);
  });

  it('is put in place of its calls inside an If', async () => {
    const bytes = withFunctions(
      [functionOf('layer', [node('MatMul', ['from', 'by'], ['a']), node('Tanh', ['a'], ['to'])])],
      (g, from, weight) => {
        const branch = (name: string) =>
          branchGraph(name, ({ editor }) => {
            editor.addNode(`${domain}.layer`, [from, weight], [name]);
            return { name, shape: [4] };
          });
        g.addNode('If', [g.addInitializer('condition', [], Uint8Array.of(1))], ['b'], {
          then_branch: { g: branch('then') },
          else_branch: { g: branch('else') },
        });
      },
    );
    const { proto } = readModel(bytes, 'small.onnx');
    expect(proto.functions).toEqual([]);
    const called = new Set(proto.graph?.node.flatMap(withInnerNodes).map(({ opType }) => opType));
    expect(called).toEqual(new Set(['MatMul', 'Tanh', 'If']));
  });

  it('stays, with those that it calls, where its operator set is another', async () => {
    const bytes = withFunctions([
      functionOf('layer', [node('MatMul', ['from', 'by'], ['w']), calls('kept', ['w', ''], ['to'])], {
        opsetImport: imports(16),
      }),
      functionOf('kept', [node('Tanh', ['from'], ['to'])]),
    ]);
    const backbone = await profileBackbone(readModel(bytes, 'small.onnx'));
    expect(backbone.uncounted).toEqual(['own.layer']);
    expect(await withModel(bytes, (whole) => worstCut(backbone, whole))).toBeLessThanOrEqual(maxDifference);
  });

  it('is refused where it calls itself', async () => {
    const bytes = withFunctions([functionOf('layer', [calls('layer', ['from', 'by'], ['to'])])]);
    expect(await failureOf(() => readModel(bytes, 'small.onnx'))).toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringMatching(/calls itself/),
    });
  });

  it.each([
    ['few calls become very many nodes', 20, 2, `at most ${maxInlinedNodes} nodes`],
    ['calls are nested too deep', maxCallDepth + 1, 1, `at most ${maxCallDepth} deep`],
  ])('is refused where %s', async (_, levels, width, message) => {
    const functions = Array.from({ length: levels }, (_level, level) => {
      const next = (output: string, from: string) =>
        level === levels - 1
          ? node('Relu', [from], [output])
          : calls(`level${level + 1}`, [from, ''], [output]);
      const nodes = width === 1 ? [next('to', 'from')] : [next('half', 'from'), next('to', 'half')];
      return functionOf(level === 0 ? 'layer' : `level${level}`, nodes);
    });
    expect(await failureOf(() => readModel(withFunctions(functions), 'small.onnx'))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringContaining(message),
    });
  });

  it('is refused where its calls come to more than a file can hold', async () => {
    const large = attributeOf('value', {
      t: new onnx.TensorProto({
        dataType: 1,
        dims: [Long.fromNumber(2 ** 20)],
        rawData: new Uint8Array(2 ** 22),
      }),
    });
    const levels = 10;
    const functions = Array.from({ length: levels }, (_, level) =>
      functionOf(
        level === 0 ? 'layer' : `level${level}`,
        level === levels - 1
          ? [node('Constant', [], ['unused'], [large]), node('Relu', ['from'], ['to'])]
          : [
              calls(`level${level + 1}`, ['from', ''], ['half']),
              calls(`level${level + 1}`, ['half', ''], ['to']),
            ],
      ),
    );
    expect(await failureOf(() => readModel(withFunctions(functions), 'small.onnx'))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringContaining(`at most ${maxModelBytes} bytes`),
    });
  });
});
