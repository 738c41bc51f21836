import { elementsOf } from '@offramp/bundle';
import { combineSeeds } from '../../support/random.js';
import { DataType } from '../data-type.js';
import type { AttributeValue, GraphEditor } from '../graph-editor.js';
import { addFloat16 } from './float16-constant.js';

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

type Attributes = Readonly<Record<string, AttributeValue>>;

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

  /** @param prefix of all names, for a graph inside another */
  constructor(
    readonly editor: GraphEditor,
    private readonly numbers: Numbers = 'float32',
    private readonly prefix = '',
  ) {}

  /** @param input name of a float32 tensor */
  begin(input: string, shape: readonly number[]): Feature {
    if (this.numbers === 'float16') return this.cast({ name: input, shape }, DataType.float16);
    return this.quantised({ name: input, shape }, signed);
  }

  conv(x: Feature, filters: number, options: ConvOptions = {}): Feature {
    const { kernel = 3, stride = 1, groups = 1, relu = true } = options;
    const [channels = 1, ...sides] = x.shape;
    const dims = [filters, channels / groups, ...sides.map(() => kernel)];
    const attributes = {
      strides: { ints: sides.map(() => stride) },
      pads: { ints: [...sides, ...sides].map(() => (kernel - 1) / 2) },
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
    const [channels = 1, ...sides] = x.shape;
    const shape = [channels, ...sides.map(() => 1)];
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
    attributes: Attributes = {},
  ): Feature {
    return { ...this.write(opType, inputs, shape, attributes), range };
  }

  /** Any operator, whose first output it is. An empty name stands for an input that is left out. */
  write(
    opType: string,
    inputs: readonly (string | Feature)[],
    shape: readonly number[],
    attributes: Attributes = {},
  ): Feature {
    const name = this.editor.uniqueName(`${this.prefix}${opType}_${this.count++}`);
    const names = inputs.map((input) => (typeof input === 'string' ? input : input.name));
    this.editor.addNode(opType, names, [name], attributes);
    return { name, shape };
  }

  /** Random weights. @returns their name */
  weight(...dims: number[]): string {
    return this.constant('w', dims, this.random(dims));
  }

  /** @returns the name of a constant of the network's own type; of one dimension unless `dims` say otherwise */
  floats(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.constant('floats', dims, Float32Array.from(values));
  }

  /** @returns the name of a constant of int64; of one dimension unless `dims` say otherwise */
  integers64(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.editor.addInitializer(`${this.prefix}integers`, dims, BigInt64Array.from(values, BigInt));
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

  /**
   * Uniform, so that sums over what one output reads have about the variance of what is read (He initialisation). What many
   * values have in common cancels in those sums, so that different samples get different answers.
   */
  private random(dims: readonly number[]): Float32Array {
    const fanIn = elementsOf(dims.slice(1));
    const bound = dims.length === 1 ? 0.1 : Math.sqrt(6 / fanIn);
    const seed = combineSeeds(1, this.count++);
    const values = Float32Array.from(
      { length: elementsOf(dims) },
      (_, i) => (combineSeeds(seed, i) / 2 ** 31) * bound,
    );
    if (dims.length === 1 || fanIn < 4) return values;
    for (let start = 0; start < values.length; start += fanIn) {
      const row = values.subarray(start, start + fanIn);
      const mean = row.reduce((sum, value) => sum + value, 0) / fanIn;
      row.forEach((value, i) => {
        row[i] = value - mean;
      });
    }
    return values;
  }

  private constant(base: string, dims: readonly number[], values: Float32Array): string {
    const name = `${this.prefix}${base}`;
    if (this.numbers !== 'float16') return this.editor.addInitializer(name, dims, values);
    return addFloat16(this.editor, name, dims, values);
  }
}
