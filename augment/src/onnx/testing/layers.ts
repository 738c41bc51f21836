import { codecNamed, elementsOf } from '@offramp/bundle';
import Long from 'long';
import { onnx } from '#onnx';
import { combineSeeds } from '../../support/random.js';
import { DataType } from '../data-type.js';
import type { GraphEditor } from '../graph-editor.js';

/** In what a network computes: `qdq`, float32 between pairs of QuantizeLinear and DequantizeLinear; `qoperator`, integers. */
export const numberKinds = ['float32', 'float16', 'qdq', 'qoperator'] as const;
export type Numbers = (typeof numberKinds)[number];

/** A tensor of the network. */
export interface Feature {
  name: string;
  /** Of one sample. */
  shape: readonly number[];
  /** Of integers, and of what was dequantised. */
  range?: Range;
}

interface Range {
  scale: number;
  zeroPoint: number;
}

export interface ConvOptions {
  /** Side of the kernel. Default 3. */
  kernel?: number;
  stride?: number;
  groups?: number;
  /** Default true. */
  relu?: boolean;
}

/** What activations may reach: weights keep them about 1. */
const reach = 6;
const positive: Range = { scale: Math.fround(reach / 255), zeroPoint: 0 };
const signed: Range = { scale: Math.fround((2 * reach) / 255), zeroPoint: 128 };
const maxInt8 = 127;

/**
 * Writes networks with random weights, layer by layer, in any of the kinds of numbers, in the way in which exporters and
 * ONNX Runtime's quantiser do.
 */
export class Layers {
  private count = 0;

  constructor(
    private readonly editor: GraphEditor,
    private readonly numbers: Numbers,
    private readonly seed = 1,
  ) {}

  /** @param input name of a float32 tensor */
  begin(input: string, shape: readonly number[]): Feature {
    if (this.numbers === 'float16') return this.cast({ name: input, shape }, DataType.float16);
    return this.quantised({ name: input, shape }, signed);
  }

  conv(x: Feature, filters: number, options: ConvOptions = {}): Feature {
    const { kernel = 3, stride = 1, groups = 1, relu = true } = options;
    const [channels = 1, ...sides] = x.shape;
    const dims = [filters, channels / groups, kernel, kernel];
    const pad = (kernel - 1) / 2;
    const attributes = {
      strides: { ints: [stride, stride] },
      pads: { ints: [pad, pad, pad, pad] },
      group: { i: groups },
    };
    const shape = [filters, ...sides.map((side) => Math.ceil(side / stride))];
    const to = relu ? positive : signed;
    if (this.numbers === 'qoperator') {
      const inputs = [...this.withRange(x), ...this.integerWeights(x, dims, false), ...this.rangeOf(to)];
      const bias = inputs.splice(6, 1) as [string];
      return this.integers('QLinearConv', [...inputs, ...bias], shape, to, attributes);
    }
    const convolved = this.write('Conv', [x.name, ...this.weights(x, dims)], shape, attributes);
    return this.quantised(relu ? this.write('Relu', [convolved.name], shape) : convolved, to);
  }

  add(a: Feature, b: Feature): Feature {
    if (this.numbers === 'qoperator') {
      const inputs = [...this.withRange(a), ...this.withRange(b), ...this.rangeOf(positive)];
      return this.integers('com.microsoft.QLinearAdd', inputs, a.shape, positive);
    }
    const sum = this.write('Add', [a.name, b.name], a.shape);
    return this.quantised(this.write('Relu', [sum.name], a.shape), positive);
  }

  /** To one value a channel, flat. */
  pool(x: Feature): Feature {
    const [channels = 1] = x.shape;
    const shape = [channels, 1, 1];
    const pooled =
      this.numbers === 'qoperator'
        ? this.integers(
            'com.microsoft.QLinearGlobalAveragePool',
            [...this.withRange(x), ...this.rangeOf(positive)],
            shape,
            positive,
            { channels_last: { i: 0 } },
          )
        : this.quantised(this.write('GlobalAveragePool', [x.name], shape), positive);
    return { ...pooled, ...this.write('Flatten', [pooled.name], [channels], { axis: { i: 1 } }) };
  }

  dense(x: Feature, outputs: number): Feature {
    const dims = [outputs, elementsOf(x.shape)];
    const attributes = { transB: { i: 1 } };
    if (this.numbers === 'qoperator') {
      const inputs = [...this.withRange(x), ...this.integerWeights(x, dims, false), ...this.rangeOf(signed)];
      return this.integers('com.microsoft.QGemm', inputs, [outputs], signed, attributes);
    }
    return this.quantised(
      this.write('Gemm', [x.name, ...this.weights(x, dims)], [outputs], attributes),
      signed,
    );
  }

  /** Makes a feature the float32 tensor `output`. */
  end(x: Feature, output: string): void {
    if (this.numbers === 'qoperator') this.editor.addNode('DequantizeLinear', this.withRange(x), [output]);
    else if (this.numbers === 'float16') {
      this.editor.addNode('Cast', [x.name], [output], { to: { i: DataType.float32 } });
    } else this.editor.addNode('Identity', [x.name], [output]);
  }

  /** A pair of QuantizeLinear and DequantizeLinear, or the former alone, where numbers are so. */
  private quantised(x: Feature, range: Range): Feature {
    if (this.numbers !== 'qdq' && this.numbers !== 'qoperator') return x;
    const integers = this.write('QuantizeLinear', [x.name, ...this.rangeOf(range)], x.shape);
    if (this.numbers === 'qoperator') return { ...integers, range };
    const values = this.write('DequantizeLinear', [integers.name, ...this.rangeOf(range)], x.shape);
    return { ...values, range };
  }

  private cast(x: Feature, to: number): Feature {
    return this.write('Cast', [x.name], x.shape, { to: { i: to } });
  }

  private integers(
    opType: string,
    inputs: readonly string[],
    shape: readonly number[],
    range: Range,
    attributes: Parameters<GraphEditor['addNode']>[3] = {},
  ): Feature {
    return { ...this.write(opType, inputs, shape, attributes), range };
  }

  private write(
    opType: string,
    inputs: readonly string[],
    shape: readonly number[],
    attributes: Parameters<GraphEditor['addNode']>[3] = {},
  ): Feature {
    const name = this.editor.uniqueName(`${opType}_${this.count++}`);
    this.editor.addNode(opType, inputs, [name], attributes);
    return { name, shape };
  }

  /** Names of weight and bias. */
  private weights(x: Feature, dims: readonly number[]): string[] {
    if (this.numbers === 'qdq') return this.integerWeights(x, dims, true);
    const [filters = 1] = dims;
    return [
      this.constant('w', dims, this.random(dims)),
      this.constant('b', [filters], this.random([filters])),
    ];
  }

  /**
   * Names of the weights as integers with scale and zero point, and of the bias.
   * @param dequantised instead of integers, what they stand for, with a scale a filter
   */
  private integerWeights(x: Feature, dims: readonly number[], dequantised: boolean): string[] {
    const [filters = 1] = dims;
    const values = this.random(dims);
    const width = values.length / filters;
    const largest = (from: Float32Array) =>
      from.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
    const scales = Float32Array.from(
      { length: dequantised ? filters : 1 },
      (_, i) => largest(dequantised ? values.subarray(i * width, (i + 1) * width) : values) / maxInt8,
    );
    const scaleOf = (filter: number) => scales[dequantised ? filter : 0] as number;
    const integers = Int8Array.from(values, (value, i) => Math.round(value / scaleOf(Math.floor(i / width))));
    const biasScales = scales.map((scale) => scale * (x.range?.scale ?? 1));
    const bias = Int32Array.from(this.random([filters]), (value, i) =>
      Math.round(value / (biasScales[dequantised ? i : 0] as number)),
    );
    const rank = dequantised ? [filters] : [];
    const weight = this.editor.addInitializer('w_integers', dims, integers);
    const scale = this.editor.addInitializer('w_scale', rank, scales);
    const zero = this.editor.addInitializer('w_zero_point', rank, new Int8Array(scales.length));
    const biasName = this.editor.addInitializer('b_integers', [filters], bias);
    if (!dequantised) return [weight, scale, zero, biasName];
    const biasScale = this.editor.addInitializer('b_scale', rank, biasScales);
    const biasZero = this.editor.addInitializer('b_zero_point', rank, new Int32Array(filters));
    const axis = { axis: { i: 0 } };
    return [
      this.write('DequantizeLinear', [weight, scale, zero], dims, axis).name,
      this.write('DequantizeLinear', [biasName, biasScale, biasZero], [filters], axis).name,
    ];
  }

  private withRange({ name, range }: Feature): string[] {
    return [name, ...this.rangeOf(range ?? signed)];
  }

  private rangeOf({ scale, zeroPoint }: Range): string[] {
    return [
      this.editor.addInitializer('scale', [], Float32Array.of(scale)),
      this.editor.addInitializer('zero_point', [], Uint8Array.of(zeroPoint)),
    ];
  }

  /** Uniform, so that sums over what one output reads have about the variance of what is read (He initialisation). */
  private random(dims: readonly number[]): Float32Array {
    const fanIn = elementsOf(dims.slice(1));
    const bound = dims.length === 1 ? 0.1 : Math.sqrt(6 / fanIn);
    const seed = combineSeeds(this.seed, this.count++);
    return Float32Array.from(
      { length: elementsOf(dims) },
      (_, i) => (combineSeeds(seed, i) / 2 ** 31) * bound,
    );
  }

  private constant(name: string, dims: readonly number[], values: Float32Array): string {
    if (this.numbers !== 'float16') return this.editor.addInitializer(name, dims, values);
    return addFloat16(this.editor, name, dims, values);
  }
}

/** Adds a constant of float16. */
export function addFloat16(
  editor: GraphEditor,
  name: string,
  dims: readonly number[],
  values: Float32Array,
): string {
  const unique = editor.uniqueName(name);
  const rawData = codecNamed('float16').encode(values, { shape: dims })?.data;
  if (!rawData) throw new RangeError(`${name}: expected values that float16 holds`);
  editor.graph.initializer.push(
    new onnx.TensorProto({
      name: unique,
      dims: dims.map((size) => Long.fromNumber(size)),
      dataType: DataType.float16,
      rawData,
    }),
  );
  return unique;
}

/**
 * A small residual network: a convolution, blocks of two with a shortcut, pooling, a classifier.
 * @param widths channels of each block; all but the first halve the sides
 */
export function addResidualNetwork(
  layers: Layers,
  input: string,
  inputShape: readonly number[],
  { widths, blocksPerWidth = 1, classes, output }: ResidualOptions,
): void {
  let x = layers.conv(layers.begin(input, inputShape), widths[0] ?? 8);
  for (const [level, width] of widths.entries()) {
    for (let block = 0; block < blocksPerWidth; block++) {
      const stride = level > 0 && block === 0 ? 2 : 1;
      const inner = layers.conv(layers.conv(x, width, { stride }), width, { relu: false });
      const shortcut = stride === 1 ? x : layers.conv(x, width, { kernel: 1, stride, relu: false });
      x = layers.add(inner, shortcut);
    }
  }
  layers.end(layers.dense(layers.pool(x), classes), output);
}

export interface ResidualOptions {
  widths: readonly number[];
  /** Default 1. */
  blocksPerWidth?: number;
  classes: number;
  output: string;
}
