import { elementsOf, formatShape, sameShape } from '@offramp/bundle';
import { constant, differentiable, expectRank, fail, integers, operation, type Tensor } from '../tensor.js';
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
 * It and its gradients were chosen by measurement (`bench/autodiff.mjs`). Gradient with respect to the weights: a matrix
 * product per picture (per few pictures, where they are small) over unfolded windows, summed. A convolution with one-hot
 * kernels unfolds the windows. This costs less than slices, and far less than one convolution over transposed operands.
 * One formula covers all strides, kernels and groups; the windows take kernel height × width / stride² times the picture's
 * memory. Where pictures are small, the output itself is a product over these windows. With respect to the picture: the
 * convolution with mirrored kernels where the stride is 1, else a ConvTranspose.
 *
 * @param x batch × channels × height × width
 * @param weights filters × channels / groups × kernel height × kernel width
 */
export function conv(x: Tensor, weights: Tensor, options: ConvOptions = {}): Tensor {
  const geometry = geometryOf(x, weights, options);
  const { bias } = options;
  const { y, windows } = rawConv(x, weights, geometry, bias);
  const derivatives: [Tensor, (dy: Tensor) => Tensor][] = [
    [x, (dy) => pictureGradient(x, dy, weights, geometry)],
    [weights, (dy) => weightGradient(x, dy, weights.shape, geometry, windows)],
  ];
  if (bias) derivatives.push([bias, (dy) => rawReshape(rawSum(dy, [0, 2, 3]), bias.shape)]);
  return differentiable(y, ...derivatives);
}

/** Up to this many places, a product over the windows of several pictures costs less than a convolution of each. */
const smallPicture = 256;

/** @returns also the windows, if the output was made of them: products × window × positions */
function rawConv(
  x: Tensor,
  weights: Tensor,
  geometry: Geometry,
  bias?: Tensor,
): { y: Tensor; windows: Tensor | null } {
  const { batch, filters, groups, kernel, grid } = geometry;
  const inputs = bias ? [x, weights, bias] : [x, weights];
  const plain = operation('Conv', inputs, [batch, filters, ...grid], { attributes: attributesOf(geometry) });
  const isSmall = elementsOf(grid) < smallPicture && elementsOf(kernel) > 1 && groups === 1;
  if (!isSmall || weights.origin.kind === 'constant') return { y: plain, windows: null };
  const windows = windowsOf(x, geometry);
  const [products = 1, window = 1, positions = 1] = windows.shape;
  const perFilter = rawMatMul(rawReshape(weights, [filters, window]), windows);
  const pictures = batch / products;
  const split = rawReshape(perFilter, [products, filters, pictures, positions / pictures]);
  const unbiased = rawReshape(rawTranspose(split, [0, 2, 1, 3]), [batch, filters, ...grid]);
  const y = bias ? operation('Add', [unbiased, rawReshape(bias, [1, filters, 1, 1])], plain.shape) : unbiased;
  y.inference = plain;
  return { y, windows };
}

function attributesOf({ kernel, strides, padding, groups }: Geometry) {
  return {
    kernel_shape: { ints: kernel },
    strides: { ints: strides },
    pads: { ints: [...padding, ...padding] },
    group: { i: groups },
  };
}

function pictureGradient(x: Tensor, dy: Tensor, weights: Tensor, geometry: Geometry): Tensor {
  const { channels, filters, groups, kernel, strides, padding, rest } = geometry;
  const around = kernel.map((size, side) => size - 1 - padding[side as 0 | 1]) as [number, number];
  const isConstant = weights.origin.kind === 'constant';
  const canMirror = elementsOf(strides) === 1 && Math.min(...around) >= 0 && (groups === 1 || isConstant);
  if (!canMirror) {
    return operation('ConvTranspose', [dy, weights], x.shape, {
      attributes: { ...attributesOf(geometry), output_padding: { ints: rest } },
    });
  }
  const grid = x.shape.slice(2) as [number, number];
  const mirrored = { ...geometry, channels: filters, filters: channels, padding: around, grid };
  return rawConv(dy, mirror(weights, groups), mirrored).y;
}

/** Kernels turned by half a turn, with inputs and outputs exchanged: channels × filters / groups × kernel. */
function mirror(weights: Tensor, groups: number): Tensor {
  const [filters, perGroup, ...kernel] = weights.shape as [number, number, number, number];
  const { origin } = weights;
  if (origin.kind !== 'constant') {
    const farEnough = -1 - Math.max(...kernel);
    const bounds = [
      [-1, -1],
      [farEnough, farEnough],
      [2, 3],
      [-1, -1],
    ].map(integers);
    return rawTranspose(operation('Slice', [weights, ...bounds], weights.shape), [1, 0, 2, 3]);
  }
  const taps = elementsOf(kernel);
  const group = filters / groups;
  const turned = new Float32Array(elementsOf(weights.shape));
  for (let i = 0; i < turned.length; i++) {
    const tap = i % taps;
    const channel = Math.floor(i / taps) % perGroup;
    const filter = Math.floor(i / (taps * perGroup));
    const output = Math.floor(filter / group) * perGroup + channel;
    turned[(output * group + (filter % group)) * taps + (taps - 1 - tap)] = Number(origin.data[i]);
  }
  return constant(turned, [perGroup * groups, group, ...kernel]);
}

/**
 * The windows of several pictures side by side.
 * @returns products × groups · window × positions
 */
function windowsOf(x: Tensor, geometry: Geometry): Tensor {
  const { channels, kernel, grid } = geometry;
  const pictures = picturesOf(x, geometry);
  const products = geometry.batch / pictures;
  const isItsOwnWindow = isPointwise(x, geometry);
  const unfolded = isItsOwnWindow ? x : unfold(sideBySide(x, pictures), geometry);
  return rawReshape(unfolded, [products, channels * elementsOf(kernel), pictures * elementsOf(grid)]);
}

const isPointwise = (x: Tensor, { kernel, grid }: Geometry) =>
  elementsOf(kernel) === 1 && sameShape(grid, x.shape.slice(2));

const picturesOf = (x: Tensor, geometry: Geometry) =>
  isPointwise(x, geometry) ? 1 : picturesPerProduct(geometry.batch, elementsOf(geometry.grid));

function sideBySide(tensor: Tensor, pictures: number): Tensor {
  if (pictures === 1) return tensor;
  const [batch = 1, ...rest] = tensor.shape;
  return rawTranspose(rawReshape(tensor, [batch / pictures, pictures, ...rest]), [0, 2, 1, 3, 4]);
}

function weightGradient(
  x: Tensor,
  dy: Tensor,
  shape: readonly number[],
  geometry: Geometry,
  known: Tensor | null,
): Tensor {
  const { batch, channels, filters, groups, kernel, grid } = geometry;
  const window = (channels / groups) * elementsOf(kernel);
  const pictures = picturesOf(x, geometry);
  const products = batch / pictures;
  const positions = pictures * elementsOf(grid);
  const windows = rawReshape(known ?? windowsOf(x, geometry), [products, groups, window, positions]);
  const perFilter = rawReshape(sideBySide(dy, pictures), [products, groups, filters / groups, positions]);
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
