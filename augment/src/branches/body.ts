import { type BranchManifest, elementsOf } from '@offramp/bundle';
import type { GraphBuilder } from '../autodiff/graph-builder.js';
import { ones } from '../autodiff/initialise.js';
import type { Tensor } from '../autodiff/tensor.js';
import { type Activation, type ActivationForm, formOf } from './activation.js';
import { poolGeometry } from './pool-body.js';

export type BranchBody = BranchManifest['body'];

/** Output channels of the blocks after the first. */
const laterChannels = 64;
/** Sides are halved down to this one. */
const smallestSide = 4;

/** The features of a branch, and their cost. */
export interface BodyGraph {
  /** batch × width */
  features: Tensor;
  /** Multiply-accumulates for one sample. */
  macs: number;
}

/**
 * Builds the body of a branch: blocks of [convolution, batch norm, ReLU], then average pooling to a small grid.
 * Each block after the first halves the sides, down to 4. `reduce` says how the first block halves them too, to
 * cost less: by `stride` 2, by average `pool`ing before it, or as a `depthwise` separable convolution of
 * stride 2; `none` is the body of PTEENet (section III-A), at full resolution.
 * Over time, convolutions are 5 long and blocks quarter the length, down to 16 steps, so that they cost about as much as
 * over pictures. Activations without sides (tokens, vectors) always have the body `pool`.
 * @param x batch × the activation's shape
 * @param name prefix of its parameters' names
 */
export function buildBody(
  g: GraphBuilder,
  x: Tensor,
  activation: Activation,
  body: BranchBody,
  name: string,
): BodyGraph {
  const form = formOf(activation);
  if (form.kind !== 'map') return { features: poolVector(g, x, form, name), macs: 0 };
  const blocks = body.kind === 'pool' ? 0 : Number(body.kind.slice(-1));
  let y = asMap(g, x, form);
  let macs = 0;
  for (let block = 0; block < blocks; block++) {
    const convolved = buildBlock(g, y, body, block, `${name}.block${block}`);
    y = convolved.features;
    macs += convolved.macs;
  }
  const { window } = poolGeometry({ shape: y.shape.slice(1) }, body.grid);
  const pooled = window
    ? g.averagePool(y, { kernel: pairOf(window.kernel), stride: pairOf(window.strides) })
    : y;
  const flat = g.flatten(pooled);
  // Activations have any scale; after a block they are normalised.
  return { features: blocks === 0 ? g.batchNorm(flat, `${name}.norm`) : flat, macs };
}

/** batch × channels × height × width; of a single side the height is 1. */
function asMap(g: GraphBuilder, x: Tensor, form: Extract<ActivationForm, { kind: 'map' }>): Tensor {
  if (form.transposed) return g.transpose(x, [0, 3, 1, 2]);
  return form.sides.length === 2 ? x : g.reshape(x, [-1, form.channels, 1, ...form.sides]);
}

const pairOf = ([a = 1, b = 1]: readonly number[]): [number, number] => [a, b];

function buildBlock(g: GraphBuilder, x: Tensor, body: BranchBody, block: number, name: string): BodyGraph {
  const { halves } = sidesOf(x);
  const large = halves.some((factor) => factor > 1);
  const channels = x.shape[1] as number;
  const filters = block === 0 ? Math.min(laterChannels, Math.max(32, 1.5 * channels)) : laterChannels;
  if (block === 0 && large && body.reduce === 'depthwise') {
    const depthwise = convBlock(g, x, channels, { stride: halves, depthwise: true }, `${name}.depthwise`);
    const pointwise = convBlock(g, depthwise.features, filters, { kernel: [1, 1] }, `${name}.pointwise`);
    return { features: pointwise.features, macs: depthwise.macs + pointwise.macs };
  }
  if (block === 0 && large && body.reduce === 'pool') {
    return convBlock(g, g.averagePool(x, { kernel: halves }), filters, {}, name);
  }
  const reduces = block > 0 || body.reduce === 'stride';
  return convBlock(g, x, filters, { stride: reduces ? halves : [1, 1] }, name);
}

/** Length of a convolution over the only side, and what a block divides that side by. */
const alongOne = { kernel: 5, factor: 4 };
/** The same of each of two sides. */
const alongBoth = { kernel: 3, factor: 2 };

/** How a map of batch × channels × height × width is convolved, and how it is reduced if it is large. */
function sidesOf(x: Tensor): { kernel: [number, number]; halves: [number, number] } {
  const sides = x.shape.slice(2);
  const { kernel, factor } = sides.includes(1) ? alongOne : alongBoth;
  const smallest = factor === 2 ? smallestSide : smallestSide * smallestSide;
  const perSide = (of: (side: number) => number) => pairOf(sides.map((side) => (side === 1 ? 1 : of(side))));
  return {
    kernel: perSide(() => kernel),
    halves: perSide((side) => (side > smallest ? factor : 1)),
  };
}

function convBlock(
  g: GraphBuilder,
  x: Tensor,
  filters: number,
  options: { kernel?: [number, number]; stride?: [number, number]; depthwise?: boolean },
  name: string,
): BodyGraph {
  const { kernel = sidesOf(x).kernel, stride = [1, 1], depthwise = false } = options;
  const channels = x.shape[1] as number;
  const groups = depthwise ? channels : 1;
  const weights = g.parameter(`${name}.weights`, [filters, channels / groups, ...kernel]);
  const padding = pairOf(kernel.map((size) => (size - 1) / 2));
  const convolved = g.conv(x, weights, { stride, padding, groups });
  const features = g.relu(g.batchNorm(convolved, `${name}.norm`));
  const positions = elementsOf(convolved.shape.slice(2));
  return { features, macs: positions * elementsOf(weights.shape) };
}

/** Tokens become the first token, which may be the class token, and their mean; a vector stays. Normalised. */
function poolVector(g: GraphBuilder, x: Tensor, { kind }: ActivationForm, name: string): Tensor {
  const normalised = (vector: Tensor, part: string) => {
    const width = vector.shape.slice(1);
    const scale = g.parameter(`${name}.${part}.scale`, width, ones);
    return g.layerNorm(vector, scale, g.parameter(`${name}.${part}.bias`, width));
  };
  if (kind !== 'tokens') return normalised(x, 'norm');
  const first = g.flatten(g.slice(x, 1, 0, 1));
  return g.concat([normalised(first, 'first_norm'), normalised(g.mean(x, { axes: [1] }), 'mean_norm')], 1);
}
