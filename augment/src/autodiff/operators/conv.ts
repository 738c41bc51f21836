import { formatShape, sameShape } from '@offramp/bundle';
import { constant, differentiable, expectRank, fail, operation, type Tensor } from '../tensor.js';
import { rawMatMul, rawReshape, rawSum, rawSwap, rawTranspose } from './raw.js';

export interface ConvOptions {
  bias?: Tensor;
  /** Default: 1 */
  stride?: number | readonly [vertical: number, horizontal: number];
  /** Zeros on both sides. Default: 0 */
  padding?: number | readonly [vertical: number, horizontal: number];
  /** Default: 1; depthwise if equal to the number of channels */
  groups?: number;
}

interface Geometry {
  batch: number;
  channels: number;
  filters: number;
  groups: number;
  kernel: [number, number];
  strides: [number, number];
  padding: [number, number];
  /** Height and width of the output. */
  grid: [number, number];
  /** Rows and columns of the padded picture that no window reaches. */
  rest: [number, number];
}

/**
 * A convolution over pictures.
 *
 * Its gradients were chosen by measurement (`bench/autodiff.mjs`). With respect to the picture: a
 * ConvTranspose. With respect to the weights: a matrix product per picture (per few pictures, where they are
 * small) over unfolded windows, summed. A convolution with one-hot kernels unfolds the windows. This
 * costs less than slices, and far less than one convolution over transposed operands. One formula covers
 * all strides, kernels and groups; the windows take kernel height × width / stride² times the picture's memory.
 *
 * @param x batch × channels × height × width
 * @param weights filters × channels / groups × kernel height × kernel width
 */
export function conv(x: Tensor, weights: Tensor, options: ConvOptions = {}): Tensor {
  const geometry = geometryOf(x, weights, options);
  const { batch, filters, groups, kernel, strides, padding, grid, rest } = geometry;
  const { bias } = options;
  const attributes = {
    kernel_shape: { ints: kernel },
    strides: { ints: strides },
    pads: { ints: [...padding, ...padding] },
    group: { i: groups },
  };
  const inputs = bias ? [x, weights, bias] : [x, weights];
  const y = operation('Conv', inputs, [batch, filters, ...grid], { attributes });
  const derivatives: [Tensor, (dy: Tensor) => Tensor][] = [
    [
      x,
      (dy) =>
        operation('ConvTranspose', [dy, weights], x.shape, {
          attributes: { ...attributes, output_padding: { ints: rest } },
        }),
    ],
    [weights, (dy) => weightGradient(x, dy, weights.shape, geometry)],
  ];
  if (bias) derivatives.push([bias, (dy) => rawReshape(rawSum(dy, [0, 2, 3]), bias.shape)]);
  return differentiable(y, ...derivatives);
}

function weightGradient(x: Tensor, dy: Tensor, shape: readonly number[], geometry: Geometry): Tensor {
  const { batch, channels, filters, groups, kernel, grid } = geometry;
  const window = (channels / groups) * kernel[0] * kernel[1];
  const isItsOwnWindow = kernel[0] * kernel[1] === 1 && sameShape(grid, x.shape.slice(2));
  const pictures = isItsOwnWindow ? 1 : picturesPerProduct(batch, grid[0] * grid[1]);
  const products = batch / pictures;
  const positions = pictures * grid[0] * grid[1];
  const sideBySide = (tensor: Tensor) =>
    pictures === 1
      ? tensor
      : rawTranspose(rawReshape(tensor, [products, pictures, ...tensor.shape.slice(1)]), [0, 2, 1, 3, 4]);
  const unfolded = isItsOwnWindow ? x : unfold(sideBySide(x), geometry);
  const windows = rawReshape(unfolded, [products, groups, window, positions]);
  const perFilter = rawReshape(sideBySide(dy), [products, groups, filters / groups, positions]);
  return rawReshape(rawSum(rawMatMul(perFilter, rawSwap(windows)), [0]), shape);
}

/**
 * Number of pictures in one product. A product writes all weights' gradients, so with small pictures
 * writing and summing these would cost more than the products.
 */
function picturesPerProduct(batch: number, positions: number): number {
  if (positions >= 256) return 1;
  for (let pictures = 1; pictures < batch; pictures++) {
    if (batch % pictures === 0 && pictures * positions >= 512) return pictures;
  }
  return batch;
}

/**
 * The window of every output: … × (channels · kernel height · kernel width) × grid.
 * @param x batch × channels × height × width, or … × channels × pictures × height × width
 */
function unfold(x: Tensor, { channels, kernel, strides, padding, grid }: Geometry): Tensor {
  const taps = kernel[0] * kernel[1];
  const oneHot = new Float32Array(channels * taps * taps);
  for (let filter = 0; filter < channels * taps; filter++) oneHot[filter * taps + (filter % taps)] = 1;
  const pictures = x.shape.slice(2, -2);
  const across = (size: number) => pictures.map(() => size);
  const pads = [...across(0), ...padding];
  return operation(
    'Conv',
    [x, constant(oneHot, [channels * taps, 1, ...across(1), ...kernel])],
    [x.shape[0] as number, channels * taps, ...pictures, ...grid],
    {
      attributes: {
        kernel_shape: { ints: [...across(1), ...kernel] },
        strides: { ints: [...across(1), ...strides] },
        pads: { ints: [...pads, ...pads] },
        group: { i: channels },
      },
    },
  );
}

function geometryOf(x: Tensor, weights: Tensor, options: ConvOptions): Geometry {
  expectRank('conv', x, 4);
  expectRank('conv', weights, 4);
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [filters, perGroup, ...kernel] = weights.shape as [number, number, number, number];
  const groups = options.groups ?? 1;
  const strides = pair(options.stride ?? 1);
  const padding = pair(options.padding ?? 0);
  if (perGroup * groups !== channels || filters % groups !== 0) {
    fail(
      'conv',
      `expected weights for ${channels} channels in ${groups} groups, found ${formatShape(weights.shape)}`,
    );
  }
  if (options.bias && !sameShape(options.bias.shape, [filters])) {
    fail('conv', `expected a bias of ${filters}, found ${formatShape(options.bias.shape)}`);
  }
  const room = [height + 2 * padding[0] - kernel[0], width + 2 * padding[1] - kernel[1]] as const;
  if (room[0] < 0 || room[1] < 0) {
    fail('conv', `the kernel ${formatShape(kernel)} is larger than the padded ${formatShape(x.shape)}`);
  }
  const grid = room.map((size, i) => Math.floor(size / strides[i as 0 | 1]) + 1) as [number, number];
  const rest = room.map((size, i) => size % strides[i as 0 | 1]) as [number, number];
  return { batch, channels, filters, groups, kernel, strides, padding, grid, rest };
}

/** One number for both directions, or one for each. */
export function pair(value: number | readonly [number, number]): [number, number] {
  return typeof value === 'number' ? [value, value] : [...value];
}
