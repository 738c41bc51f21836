import { elementsOf, sameShape } from '@offramp/bundle';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { dataTypeOf } from './data-type.js';
import type { GraphEditor } from './graph-editor.js';
import type { InputChoice } from './input-layout.js';
import { type BackboneProfile, profileBackbone } from './profile.js';
import { readModel } from './read-model.js';
import { differingSamples, maxDifference, worstCut } from './testing/halves.js';
import { addWeight, failureOf, type SmallModel, smallModelBytes } from './testing/small-model.js';

const cast = (g: GraphEditor, from: string, to: string, type: string) =>
  g.addNode('Cast', [from], [to], { to: { i: dataTypeOf(type) ?? 0 } });

const scaled = (g: GraphEditor, from: string, to: string, by: number) =>
  g.addNode('Mul', [from, g.addInitializer('scale', [1], Float32Array.of(by))], [to]);

const transposed = (g: GraphEditor, from: string, to: string, perm: readonly number[]) =>
  g.addNode('Transpose', [from], [to], { perm: { ints: perm } });

/** Two convolutions, a pooling and a dense layer over `from`, which has the channels first. */
function picture(g: GraphEditor, from: string, channels: number): void {
  const pads = { pads: { ints: [1, 1, 1, 1] } };
  g.addNode('Conv', [from, addWeight(g, 'w1', [4, channels, 3, 3])], ['c1'], pads);
  g.addNode('Relu', ['c1'], ['r1']);
  g.addNode('Conv', ['r1', addWeight(g, 'w2', [4, 4, 3, 3])], ['c2'], pads);
  g.addNode('Relu', ['c2'], ['r2']);
  g.addNode('GlobalAveragePool', ['r2'], ['pooled']);
  g.addNode('Flatten', ['pooled'], ['flat'], { axis: { i: 1 } });
  g.addNode('MatMul', ['flat', addWeight(g, 'w3', [4, 3])], ['y']);
}

/** Two dense layers over `from`, a vector of `features`. */
function dense(g: GraphEditor, from: string, features: number, to = 'y'): void {
  g.addNode('MatMul', [from, addWeight(g, 'w1', [features, 8])], ['h1']);
  g.addNode('Relu', ['h1'], ['r1']);
  g.addNode('MatMul', ['r1', addWeight(g, 'w2', [8, 8])], ['h2']);
  g.addNode('Tanh', ['h2'], ['r2']);
  g.addNode('MatMul', ['r2', addWeight(g, 'w3', [8, 3])], [to]);
}

interface Kind extends SmallModel {
  build(g: GraphEditor): void;
  choice?: InputChoice;
  input: Omit<BackboneProfile['input'], 'name'>;
  /** The cut points that are the model's own. */
  cuts: number;
}

const kinds: Record<string, Kind> = {
  'a picture, channels last, as tf2onnx leaves it': {
    inputShape: [8, 10, 3],
    build(g) {
      transposed(g, 'x', 'first', [0, 3, 1, 2]);
      picture(g, 'first', 3);
    },
    input: { kind: 'picture', shape: [3, 8, 10], type: 'float32', layout: 'channels-last' },
    cuts: 7,
  },
  'bytes, channels last, with the preprocessing inside': {
    ...{ inputShape: [8, 10, 1], inputType: 'uint8' },
    build(g) {
      cast(g, 'x', 'numbers', 'float32');
      scaled(g, 'numbers', 'small', 1 / 127.5);
      transposed(g, 'small', 'first', [0, 3, 1, 2]);
      picture(g, 'first', 1);
    },
    input: { kind: 'picture', shape: [1, 8, 10], type: 'uint8', layout: 'channels-last' },
    cuts: 9,
  },
  'bytes in an old operator set': {
    ...{ inputShape: [3, 8, 8], inputType: 'uint8', opset: 9 },
    build(g) {
      cast(g, 'x', 'numbers', 'float32');
      scaled(g, 'numbers', 'small', 1 / 255);
      picture(g, 'small', 3);
    },
    input: { kind: 'picture', shape: [3, 8, 8], type: 'uint8', layout: 'channels-first' },
    cuts: 8,
  },
  'signed bytes of a quantised picture': {
    ...{ inputShape: [3, 8, 8], inputType: 'int8' },
    build(g) {
      cast(g, 'x', 'numbers', 'float32');
      scaled(g, 'numbers', 'small', 1 / 128);
      picture(g, 'small', 3);
    },
    input: { kind: 'picture', shape: [3, 8, 8], type: 'int8', layout: 'channels-first' },
    cuts: 8,
  },
  'numbers of 16 bits from a converter': {
    ...{ inputShape: [12], inputType: 'int16' },
    build(g) {
      cast(g, 'x', 'numbers', 'float32');
      scaled(g, 'numbers', 'small', 1e-4);
      dense(g, 'small', 12);
    },
    input: { kind: 'tensor', shape: [12], type: 'int16' },
    cuts: 6,
  },
  'numbers of 32 bits': {
    ...{ inputShape: [12], inputType: 'int32' },
    build(g) {
      cast(g, 'x', 'numbers', 'float32');
      scaled(g, 'numbers', 'small', 1e-9);
      dense(g, 'small', 12);
    },
    input: { kind: 'tensor', shape: [12], type: 'int32' },
    cuts: 6,
  },
  'binary16 outside, float32 inside': {
    ...{ inputShape: [12], inputType: 'float16', outputType: 'float16' },
    build(g) {
      cast(g, 'x', 'numbers', 'float32');
      dense(g, 'numbers', 12, 'scores');
      cast(g, 'scores', 'y', 'float16');
    },
    input: { kind: 'tensor', shape: [12], type: 'float16' },
    cuts: 7,
  },
  'doubles outside, float32 inside': {
    ...{ inputShape: [12], inputType: 'float64', outputType: 'float64' },
    build(g) {
      cast(g, 'x', 'numbers', 'float32');
      dense(g, 'numbers', 12, 'scores');
      cast(g, 'scores', 'y', 'float64');
    },
    input: { kind: 'tensor', shape: [12], type: 'float64' },
    cuts: 6,
  },
  'quantised scores': {
    ...{ inputShape: [12], outputType: 'uint8' },
    build(g) {
      dense(g, 'x', 12, 'scores');
      const constants = [g.addInitializer('step', [], Float32Array.of(0.01)), zeroPoint(g, 128)];
      g.addNode('QuantizeLinear', ['scores', ...constants], ['y']);
    },
    input: { kind: 'tensor', shape: [12], type: 'float32' },
    cuts: 5,
  },
  'a picture with a layout that is said': {
    inputShape: [3, 8, 3],
    choice: { layout: 'channels-last' },
    build(g) {
      transposed(g, 'x', 'first', [0, 3, 1, 2]);
      picture(g, 'first', 3);
    },
    input: { kind: 'picture', shape: [3, 3, 8], type: 'float32', layout: 'channels-last' },
    cuts: 7,
  },
  'what could be a picture, taken as a tensor': {
    inputShape: [8, 10, 3],
    choice: { kind: 'tensor', layout: 'channels-last' },
    build(g) {
      transposed(g, 'x', 'first', [0, 3, 1, 2]);
      picture(g, 'first', 3);
    },
    input: { kind: 'tensor', shape: [8, 10, 3], type: 'float32', layout: 'channels-last' },
    cuts: 7,
  },
  'a sensor window of three channels': {
    inputShape: [3, 20],
    build(g) {
      g.addNode('Conv', ['x', addWeight(g, 'w1', [4, 3, 5])], ['c1']);
      g.addNode('Relu', ['c1'], ['r1']);
      g.addNode('GlobalAveragePool', ['r1'], ['pooled']);
      g.addNode('Flatten', ['pooled'], ['flat'], { axis: { i: 1 } });
      g.addNode('MatMul', ['flat', addWeight(g, 'w3', [4, 3])], ['y']);
    },
    input: { kind: 'tensor', shape: [3, 20], type: 'float32' },
    cuts: 4,
  },
  'a picture of four channels': {
    inputShape: [4, 8, 8],
    build: (g) => picture(g, 'x', 4),
    input: { kind: 'tensor', shape: [4, 8, 8], type: 'float32' },
    cuts: 6,
  },
};

function zeroPoint(g: GraphEditor, value: number): string {
  const name = g.addInitializer('zero_float', [], Float32Array.of(value));
  cast(g, name, 'zero', 'uint8');
  return 'zero';
}

const arrays: Record<string, (values: Float32Array) => ArrayBufferView> = {
  float32: (values) => values,
  float64: (values) => Float64Array.from(values),
  float16: (values) => Uint16Array.from(values, halfOf),
  uint8: (values) => Uint8Array.from(values),
  int8: (values) => Int8Array.from(values),
  int16: (values) => Int16Array.from(values),
  int32: (values) => Int32Array.from(values),
};

/** Binary16 of a number within its normal range that needs no rounding. */
function halfOf(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const fraction = (Math.abs(value) / 2 ** exponent - 1) * 1024;
  return (value < 0 ? 0x8000 : 0) + (exponent + 15) * 1024 + fraction;
}

function numbersOfHalf(bits: number): number {
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

/** Values as a model of this type sees them: in range and, for integers, whole. */
function typed(values: Float32Array, type: string): Float32Array {
  const bits = Number(/\d+/.exec(type)?.[0]);
  if (type.startsWith('float')) return values.map((value) => Math.round(value * 8) / 8);
  const [least, largest] = type.startsWith('u')
    ? [0, 2 ** bits - 1]
    : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  return values.map((value) => Math.min(largest, Math.max(least, Math.round(value))));
}

/** Channels × height × width to height × width × channels, sample by sample. */
function channelsLast(values: Float32Array, [channels, height, width]: readonly number[]): Float32Array {
  const area = (height as number) * (width as number);
  const size = (channels as number) * area;
  return values.map((_, i) => {
    const [sample, at] = [Math.floor(i / size), i % size];
    const [position, channel] = [Math.floor(at / (channels as number)), at % (channels as number)];
    return values[sample * size + channel * area + position] as number;
  });
}

/** Runs the model as its file has it: on its own type, in its own layout. */
async function withGivenModel<T>(
  bytes: Uint8Array,
  { input, inputShape = [] }: Kind,
  use: (run: (values: Float32Array) => Promise<Float32Array>) => Promise<T>,
): Promise<T> {
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const run = async (values: Float32Array) => {
    const own = sameShape(input.shape, inputShape) ? values : channelsLast(values, input.shape);
    const data = arrays[input.type]?.(typed(own, input.type)) as Float32Array;
    const dims = [values.length / elementsOf(inputShape), ...inputShape];
    const { y } = await session.run({ x: new Tensor(input.type as 'float32', data, dims) });
    const scores = y?.data as Float32Array;
    if (y?.type === 'float16') return Float32Array.from(scores, numbersOfHalf);
    if (y?.type === 'uint8') return Float32Array.from(scores, (code) => (code - 128) * 0.01);
    return Float32Array.from(scores);
  };
  return use(run).finally(() => session.release());
}

describe('a model whose input is', () => {
  it.each(Object.entries(kinds))('%s is told so, and can be cut anywhere', async (_, kind) => {
    const bytes = smallModelBytes(kind.build, kind);
    const profile = await profileBackbone(readModel(bytes, 'small.onnx'), kind.choice);
    expect(profile.input).toEqual({ name: 'x', ...kind.input });
    expect(profile.cutPoints).toHaveLength(kind.cuts);
    const amplitude = kind.input.type.startsWith('float') ? 1 : 100;
    const worst = await withGivenModel(bytes, kind, (run) =>
      worstCut(profile, run, [1, 5], (batch, shape) =>
        onGrid(differingSamples(batch, shape), kind, amplitude),
      ),
    );
    expect(worst).toBeLessThanOrEqual(maxDifference);
  });

  it.each([
    [
      'of four dimensions',
      { inputShape: [2, 3, 4, 4] },
      {},
      'MODEL_UNSUPPORTED',
      /samples of 1 to 3 dim.*2×3×4×4/,
    ],
    [
      'with channels at either end',
      { inputShape: [3, 8, 1] },
      {},
      'MODEL_UNSUPPORTED',
      /the first and the last could/,
    ],
    [
      'no picture',
      { inputShape: [4, 8, 8] },
      { kind: 'picture' },
      'CONFIG_INVALID',
      /--input-kind: expected tensor.*4×8×8/,
    ],
    [
      'a picture of another layout',
      { inputShape: [3, 8, 8] },
      { kind: 'picture', layout: 'channels-last' },
      'CONFIG_INVALID',
      /--input-kind: expected tensor.*3×8×8, channels-last/,
    ],
    ['of texts', { inputType: 'string' }, {}, 'MODEL_UNSUPPORTED', /found string/],
    ['of 64-bit integers', { inputType: 'int64' }, {}, 'MODEL_UNSUPPORTED', /found int64/],
  ] as const)('%s is refused', async (_, model, choice, code, message) => {
    const attempt = () =>
      profileBackbone(
        readModel(
          smallModelBytes((g) => {
            g.addNode('Flatten', ['x'], ['flat'], { axis: { i: 1 } });
            const count = elementsOf('inputShape' in model ? model.inputShape : [4]);
            g.addNode('MatMul', ['flat', addWeight(g, 'w', [count, 3])], ['y']);
          }, model),
          'small.onnx',
        ),
        choice,
      );
    expect(await failureOf(attempt)).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('answered by a class, not by scores, is refused', async () => {
    const bytes = smallModelBytes(
      (g) => {
        dense(g, 'x', 12, 'scores');
        g.addNode('ArgMax', ['scores'], ['y'], { axis: { i: 1 }, keepdims: { i: 1 } });
      },
      { inputShape: [12], outputShape: [1], outputType: 'int64' },
    );
    expect(await failureOf(() => profileBackbone(readModel(bytes, 'small.onnx')))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: 'small.onnx: expected output y to hold scores as floating-point numbers; found int64',
      hint: expect.stringContaining('ArgMax'),
    });
  });
});

/** Values that the model's type holds, so that both sides see the same numbers; beyond its range they are clamped alike. */
function onGrid(values: Float32Array, { input }: Kind, amplitude: number): Float32Array {
  const larger = values.map((value) => value * amplitude);
  return input.type.startsWith('float') ? typed(larger, input.type) : larger;
}
