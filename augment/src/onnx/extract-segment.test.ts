import Long from 'long';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import { extractSegment } from './extract-segment.js';
import { GraphEditor } from './graph-editor.js';
import type { OnnxModel } from './model.js';
import { type BackboneProfile, profileBackbone } from './profile.js';
import { addWeight, failureOf, smallModel } from './testing/small-model.js';
import { writeModel } from './write-model.js';

const batch = 2;
const sample = Float32Array.of(0.5, -1, 2, 0.25, -0.75, 1, 0.1, -0.2);

async function run(
  proto: onnx.ModelProto,
  input: string,
  data: Float32Array,
): Promise<Record<string, number[]>> {
  const session = await InferenceSession.create(writeModel(proto), { logSeverityLevel: 4 });
  const fetched = await session.run({ [input]: new Tensor('float32', data, [batch, data.length / batch]) });
  await session.release();
  return Object.fromEntries(
    Object.entries(fetched).map(([name, tensor]) => [name, Array.from(tensor.data as Float32Array)]),
  );
}

/** Runs the two halves one after the other, and the whole. */
async function halvesAndWhole(backbone: BackboneProfile, cut: string) {
  const names = { input: 'input', output: 'activation' };
  const first = extractSegment(backbone, null, cut, names);
  const second = extractSegment(backbone, cut, null, names);
  const { activation } = await run(first, 'input', sample);
  const halves = await run(second, 'input', Float32Array.from(activation ?? []));
  const whole = await run(backbone.model.proto, backbone.model.input.name, sample);
  return { first, second, halves: halves.activation, whole: whole[backbone.model.output.name] };
}

const chain = (): OnnxModel =>
  smallModel((g) => {
    const shared = addWeight(g, 'shared', [4, 4]);
    g.addNode('Transpose', [shared], ['turned']);
    g.addNode('MatMul', ['x', 'turned'], ['a']);
    g.addNode('Tanh', ['a'], ['b']);
    g.addNode('MatMul', ['b', 'turned'], ['c']);
    g.addNode('Gemm', ['c', addWeight(g, 'w', [4, 3])], ['y']);
  });

describe('extractSegment', () => {
  it('splits a model into halves that together compute the same', async () => {
    const { first, second, halves, whole } = await halvesAndWhole(await profileBackbone(chain()), 'b');
    expect(halves).toEqual(whole);
    const ops = (proto: onnx.ModelProto) => proto.graph?.node.map(({ opType }) => opType);
    expect(ops(first)).toEqual(['Transpose', 'MatMul', 'Tanh']);
    expect(ops(second)).toEqual(['Transpose', 'MatMul', 'Gemm']);
    expect(first.graph?.initializer.map(({ name }) => name)).toEqual(['shared']);
    expect(second.graph?.initializer.map(({ name }) => name)).toEqual(['shared', 'w']);
    expect(first.opsetImport.map(({ version }) => version.toNumber())).toEqual([17]);
    expect(first.irVersion.toNumber()).toBe(8);
  });

  it('gives a middle segment, and leaves the backbone as it was', async () => {
    const backbone = await profileBackbone(chain());
    const before = writeModel(backbone.model.proto);
    const middle = extractSegment(backbone, 'a', 'b', { input: 'input', output: 'activation' });
    expect((await run(middle, 'input', sample)).activation).toEqual(
      Array.from(sample, (v) => Math.fround(Math.tanh(v))).map((v) => expect.closeTo(v, 6)),
    );
    expect(writeModel(backbone.model.proto)).toEqual(before);
  });

  it('renames inner tensors out of the way', async () => {
    const backbone = await profileBackbone(
      smallModel((g) => {
        g.addNode('Tanh', ['x'], ['activation']);
        g.addNode('Relu', ['activation'], ['probabilities']);
        g.addNode('Gemm', ['probabilities', addWeight(g, 'input', [4, 4])], ['cut']);
        g.addNode('Tanh', ['cut'], ['input_inner']);
        g.addNode('Gemm', ['input_inner', addWeight(g, 'activation_inner', [4, 3])], ['y']);
      }),
    );
    const { halves, whole } = await halvesAndWhole(backbone, 'cut');
    expect(halves).toEqual(whole);
    const reserved = extractSegment(backbone, null, 'cut', {
      input: 'input',
      output: 'activation',
      reserved: ['probabilities'],
    });
    const editor = new GraphEditor(reserved);
    editor.addNode('Softmax', ['activation'], ['probabilities'], { axis: { i: 1 } });
    editor.addOutput('probabilities', [4]);
    const outputs = await run(reserved, 'input', sample);
    expect(Object.keys(outputs).sort()).toEqual(['activation', 'probabilities']);
    expect(outputs.probabilities?.slice(0, 4).reduce((sum, p) => sum + p, 0)).toBeCloseTo(1);
  });

  it('goes from a cut point to one that has the name asked for', async () => {
    const backbone = await profileBackbone(
      smallModel((g) => {
        g.addNode('Tanh', ['x'], ['activation']);
        g.addNode('Relu', ['activation'], ['input']);
        g.addNode('Gemm', ['input', addWeight(g, 'w', [4, 3])], ['y']);
      }),
    );
    const middle = extractSegment(backbone, 'activation', 'input', { input: 'input', output: 'activation' });
    expect((await run(middle, 'input', sample)).activation).toEqual(
      Array.from(sample, (v) => Math.max(v, 0)),
    );
  });

  it('takes along what an If reads from outside, under its new name', async () => {
    const branch = (name: string, opType: string, input: string[]) =>
      new onnx.GraphProto({
        name,
        node: [new onnx.NodeProto({ opType, input, output: [`${name}_out`] })],
        output: [new onnx.ValueInfoProto({ name: `${name}_out` })],
      });
    const backbone = await profileBackbone(
      smallModel((g) => {
        g.addNode('Tanh', ['x'], ['a']);
        g.addNode('Shape', ['a'], ['dims']);
        g.addNode('ReduceMax', ['dims'], ['largest'], { keepdims: { i: 0 } });
        g.addNode('Cast', ['largest'], ['condition'], { to: { i: 9 } });
        g.addNode('If', ['condition'], ['b'], {
          then_branch: { g: branch('then', 'Mul', ['a', addWeight(g, 'input', [4])]) },
          else_branch: { g: branch('else', 'Relu', ['a']) },
        });
        g.addNode('Gemm', ['b', addWeight(g, 'w', [4, 3])], ['y']);
      }),
    );
    for (const cut of ['a', 'b']) {
      const { halves, whole } = await halvesAndWhole(backbone, cut);
      expect(halves).toEqual(whole);
    }
  });

  it('takes the operator sets and functions along that the segment uses', async () => {
    const model = smallModel((g) => {
      g.addNode('Twice', ['x'], ['a']);
      g.addNode('Tanh', ['a'], ['b']);
      g.addNode('Gemm', ['b', addWeight(g, 'w', [4, 3])], ['y']);
    });
    const opset = (domain: string, version: number) =>
      new onnx.OperatorSetIdProto({ domain, version: Long.fromNumber(version) });
    for (const node of model.graph.node) if (node.opType === 'Twice') node.domain = 'local';
    model.proto.opsetImport.push(opset('local', 1));
    model.proto.functions.push(
      new onnx.FunctionProto({
        name: 'Twice',
        domain: 'local',
        input: ['v'],
        output: ['w'],
        opsetImport: [opset('', 17)],
        node: [new onnx.NodeProto({ opType: 'Add', input: ['v', 'v'], output: ['w'] })],
      }),
    );
    const backbone = await profileBackbone(model);
    expect(backbone.uncounted).toEqual(['local.Twice']);
    const { first, second, halves, whole } = await halvesAndWhole(backbone, 'b');
    expect(halves).toEqual(whole);
    expect([first.functions.length, first.opsetImport.length]).toEqual([1, 2]);
    expect([second.functions.length, second.opsetImport.length]).toEqual([0, 1]);
  });

  it('refuses what is no cut point, and the wrong order', async () => {
    const backbone = await profileBackbone(chain());
    const names = { input: 'input', output: 'activation' };
    expect(await failureOf(() => extractSegment(backbone, null, 'turned', names))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: 'small.onnx: turned is no cut point',
    });
    for (const [from, to] of [
      ['c', 'a'],
      ['b', 'b'],
    ] as const) {
      expect(await failureOf(() => extractSegment(backbone, from, to, names))).toMatchObject({
        code: 'MODEL_UNSUPPORTED',
        message: `small.onnx: expected ${from} to stand before ${to} on every path`,
      });
    }
  });
});
