import Long from 'long';
import { describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import { type GraphEditor, tensorOf } from './graph-editor.js';
import { profileBackbone } from './profile.js';
import { failureOf, smallModel } from './testing/small-model.js';
import { batchOf } from './value-info.js';

const bool = 9;
const int64 = 7;

const scalar = (name: string, elemType: number) =>
  new onnx.ValueInfoProto({
    name,
    type: new onnx.TypeProto({
      tensorType: new onnx.TypeProto.Tensor({ elemType, shape: new onnx.TensorShapeProto() }),
    }),
  });

const node = (opType: string, input: string[], output: string[], attribute: onnx.AttributeProto[] = []) =>
  new onnx.NodeProto({ opType, input, output, attribute, name: output[0] ?? opType });

/** Passes its condition and its value on, so that it runs for as many rounds as it is told to. */
const body = (nodes: onnx.NodeProto[] = []) =>
  new onnx.GraphProto({
    name: 'body',
    input: [scalar('round', int64), scalar('go_on', bool), batchOf('value', [4])],
    output: [scalar('go_on_out', bool), batchOf('value_out', [4])],
    node: [...nodes, node('Identity', ['go_on'], ['go_on_out']), node('Identity', ['value'], ['value_out'])],
  });

/** A classifier in which a loop runs over `rounds`, a tensor that `add` adds, or for ever. */
const looping = (add: (g: GraphEditor) => string, inner: onnx.NodeProto[] = []) =>
  smallModel((g) => {
    const rounds = add(g);
    g.graph.initializer.push(
      new onnx.TensorProto({ name: 'yes', dataType: bool, dims: [], rawData: Uint8Array.of(1) }),
    );
    g.addNode('Loop', [rounds, 'yes', 'x'], ['looped'], { body: { g: body(inner) } });
    g.addNode('Relu', ['looped'], ['features']);
    g.graph.initializer.push(
      tensorOf(
        'w',
        [4, 3],
        Float32Array.from({ length: 12 }, (_, i) => Math.cos(i)),
      ),
    );
    g.addNode('MatMul', ['features', 'w'], ['y']);
  });

const constant = (count: bigint) => (g: GraphEditor) =>
  g.addInitializer('rounds', [], BigInt64Array.of(count));

describe('loops', () => {
  it('that run for a constant number of rounds are taken', async () => {
    const profile = await profileBackbone(looping(constant(3n)));
    expect(profile.output.classes).toBe(3);
    expect(profile.uncounted).toEqual([]);
  });

  it('that multiply matrices are named as not counted, with what is inside', async () => {
    const inner = [node('MatMul', ['value', 'w'], ['unused'])];
    const { uncounted, macs } = await profileBackbone(looping(constant(3n), inner));
    expect({ uncounted, macs }).toEqual({ uncounted: ['Loop (with MatMul inside)'], macs: 12 });
  });

  it('whose number of rounds follows from shapes are taken', async () => {
    const profile = await profileBackbone(
      looping((g) => {
        g.addNode('Size', ['x'], ['size']);
        return 'size';
      }),
    );
    expect(profile.output.classes).toBe(3);
  });

  const fromValues = (g: GraphEditor) => {
    g.addNode('ReduceMax', ['x'], ['largest'], { keepdims: { i: 0 } });
    g.addNode('Cast', ['largest'], ['rounds'], { to: { i: int64 } });
    return 'rounds';
  };
  const drawn = (g: GraphEditor) => {
    g.addNode('RandomUniform', [], ['number'], { shape: { ints: [] } });
    g.addNode('Cast', ['number'], ['rounds'], { to: { i: int64 } });
    return 'rounds';
  };
  const loopInside = node(
    'Loop',
    ['', 'go_on', 'value'],
    ['inside'],
    [new onnx.AttributeProto({ name: 'body', type: 5, g: body() })],
  );
  it.each<[string, () => unknown, string]>([
    ['without a number of rounds', () => looping(() => ''), 'has none'],
    ['for as many rounds as the picture says', () => looping(fromValues), 'rounds, which depends on values'],
    ['for a random number of rounds', () => looping(drawn), 'rounds, which depends on values'],
    ['without end inside another', () => looping(constant(1n), [loopInside]), 'Loop node inside has none'],
  ])('%s are refused at once', async (_, model, message) => {
    expect(await failureOf(model)).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringContaining(message),
      hint: expect.stringContaining('traced'),
    });
  });

  it('that take too long are ended, with a clear error', async () => {
    const model = looping(constant(BigInt(Long.MAX_VALUE.toString())));
    expect(await failureOf(() => profileBackbone(model, { maxRunMs: 1_000 }))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: 'small.onnx: a run on a batch of 1 took longer than 1000 ms',
    });
  });
});
