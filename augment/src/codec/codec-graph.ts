import { elementsOf } from '@offramp/bundle';
import type { GraphBuilder } from '../autodiff/graph-builder.js';
import { lecunNormal, zeros } from '../autodiff/initialise.js';
import type { Tensor } from '../autodiff/tensor.js';
import type { CodecDesign, Sides } from './codec-design.js';

/** Of the activation's channels, over training samples. */
export interface ChannelStatistics {
  mean: Float32Array;
  deviation: Float32Array;
  /** Whether no value is negative. */
  nonNegative: boolean;
}

/** Deviation of the code at the start of the training, in steps. */
const initialDeviation = 4;

/**
 * The encoder: normalisation, convolution, ReLU, convolution.
 * @param x batch × the activation's shape, without carried rows
 * @returns batch × the code's channels × height × width, not rounded
 */
export function buildEncoder(
  g: GraphBuilder,
  x: Tensor,
  design: CodecDesign,
  statistics: ChannelStatistics,
): Tensor {
  const { map, hidden, code, strides } = design;
  const { mean, deviation } = perChannel(g, statistics);
  const normal = g.div(g.sub(asMap(g, x, design), mean), deviation);
  const layers = layersOf(g, design.kernel, 'encoder');
  const features = g.relu(layers.conv('first', normal, map.channels, hidden, strides[0]));
  return g.mul(
    layers.conv('second', features, hidden, code.channels, strides[1], lecunNormal),
    initialDeviation,
  );
}

/**
 * The decoder: convolution and residual blocks on the code's grid, where they cost least, pixel shuffle, convolution, the
 * channels' own deviation and mean.
 * @param code batch × the code's channels × height × width
 * @returns batch × the activation's shape, without carried rows
 */
export function buildDecoder(
  g: GraphBuilder,
  code: Tensor,
  design: CodecDesign,
  statistics: ChannelStatistics,
): Tensor {
  const { map, strides, decoder } = design;
  const { wide, filters, blocks } = decoder;
  const layers = layersOf(g, design.kernel, 'decoder');
  const factors: Sides = [strides[0][0] * strides[1][0], strides[0][1] * strides[1][1]];
  const scaled = g.mul(code, 1 / initialDeviation);
  let y = layers.conv('first', scaled, design.code.channels, wide);
  for (let block = 0; block < blocks; block++) {
    const inner = g.relu(layers.conv(`block${block}.first`, g.relu(y), wide, wide));
    y = g.add(y, layers.conv(`block${block}.second`, inner, wide, wide, [1, 1], zeros));
  }
  const spread = layers.conv('spread', g.relu(y), wide, filters * elementsOf(factors));
  const placed = g.relu(cropped(g, shuffled(g, spread, filters, factors), map.sides));
  const { mean, deviation } = perChannel(g, statistics);
  const normal = layers.conv('last', placed, filters, map.channels, [1, 1], lecunNormal);
  const values = g.add(g.mul(normal, deviation), mean);
  return fromMap(g, statistics.nonNegative ? g.relu(values) : values, design);
}

function layersOf(g: GraphBuilder, kernel: Sides, part: string) {
  const padding: Sides = [(kernel[0] - 1) / 2, (kernel[1] - 1) / 2];
  return {
    conv(
      name: string,
      x: Tensor,
      channels: number,
      filters: number,
      stride: Sides = [1, 1],
      initial?: typeof lecunNormal,
    ): Tensor {
      const weights = g.parameter(`${part}.${name}.weights`, [filters, channels, ...kernel], initial);
      const bias = g.parameter(`${part}.${name}.bias`, [filters]);
      return g.conv(x, weights, { bias, stride, padding });
    },
  };
}

function perChannel(g: GraphBuilder, { mean, deviation }: ChannelStatistics) {
  const shape = [1, mean.length, 1, 1];
  return { mean: g.constant(mean, shape), deviation: g.constant(deviation, shape) };
}

/** Each `filters` × factors of a place become a block of places. */
function shuffled(g: GraphBuilder, x: Tensor, filters: number, factors: Sides): Tensor {
  if (elementsOf(factors) === 1) return x;
  const [height, width] = x.shape.slice(2) as Sides;
  const split = g.reshape(x, [-1, filters, ...factors, height, width]);
  const placed = g.transpose(split, [0, 1, 4, 2, 5, 3]);
  return g.reshape(placed, [-1, filters, height * factors[0], width * factors[1]]);
}

function cropped(g: GraphBuilder, x: Tensor, sides: Sides): Tensor {
  return sides.reduce((y, size, side) => (y.shape[2 + side] === size ? y : g.slice(y, 2 + side, 0, size)), x);
}

/** batch × channels × height × width */
function asMap(g: GraphBuilder, x: Tensor, { map, shape }: CodecDesign): Tensor {
  const { channels, sides, channelsLast } = map;
  if (!channelsLast) return shape.length === 3 ? x : g.reshape(x, [-1, channels, ...sides]);
  return g.transpose(g.reshape(x, [-1, ...sides, channels]), [0, 3, 1, 2]);
}

function fromMap(g: GraphBuilder, x: Tensor, { map, shape }: CodecDesign): Tensor {
  const placed = map.channelsLast ? g.transpose(x, [0, 2, 3, 1]) : x;
  return shape.length === 3 ? placed : g.reshape(placed, [-1, ...shape]);
}
