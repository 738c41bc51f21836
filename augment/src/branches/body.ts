import { type BranchManifest, elementsOf } from '@offramp/bundle';
import type { GraphBuilder } from '../autodiff/graph-builder.js';
import { ones } from '../autodiff/initialise.js';
import type { Tensor } from '../autodiff/tensor.js';
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
 * Builds the body of a branch: blocks of [conv 3×3, batch norm, ReLU], then average pooling to a small grid.
 * Each block after the first halves the sides, down to 4. `reduce` says how the first block halves them too, to
 * cost less: by `stride` 2, by average `pool`ing before it, or as a `depthwise` separable convolution of
 * stride 2; `none` is the body of PTEENet (section III-A), at full resolution.
 * Activations that are not pictures (tokens, vectors) always have the body `pool`.
 * @param x batch × shape
 * @param name prefix of its parameters' names
 */
export function buildBody(g: GraphBuilder, x: Tensor, body: BranchBody, name: string): BodyGraph {
  const shape = x.shape.slice(1);
  if (shape.length !== 3) return { features: poolVector(g, x, name), macs: 0 };
  const blocks = body.kind === 'pool' ? 0 : Number(body.kind.slice(-1));
  let y = x;
  let macs = 0;
  for (let block = 0; block < blocks; block++) {
    const convolved = buildBlock(g, y, body, block, `${name}.block${block}`);
    y = convolved.features;
    macs += convolved.macs;
  }
  const { window } = poolGeometry(y.shape.slice(1), body.grid);
  const pooled = window ? g.averagePool(y, { kernel: window.kernel, stride: window.strides }) : y;
  const flat = g.flatten(pooled);
  // Activations have any scale; after a block they are normalised.
  return { features: blocks === 0 ? g.batchNorm(flat, `${name}.norm`) : flat, macs };
}

function buildBlock(g: GraphBuilder, x: Tensor, body: BranchBody, block: number, name: string): BodyGraph {
  const large = Math.min(...x.shape.slice(2)) > smallestSide;
  const channels = x.shape[1] as number;
  const filters = block === 0 ? Math.min(laterChannels, Math.max(32, 1.5 * channels)) : laterChannels;
  if (block === 0 && large && body.reduce === 'depthwise') {
    const depthwise = convBlock(g, x, channels, { stride: 2, depthwise: true }, `${name}.depthwise`);
    const pointwise = convBlock(g, depthwise.features, filters, { kernel: 1 }, `${name}.pointwise`);
    return { features: pointwise.features, macs: depthwise.macs + pointwise.macs };
  }
  if (block === 0 && large && body.reduce === 'pool') {
    return convBlock(g, g.averagePool(x, { kernel: 2 }), filters, {}, name);
  }
  const halves = large && (block > 0 || body.reduce === 'stride');
  return convBlock(g, x, filters, { stride: halves ? 2 : 1 }, name);
}

function convBlock(
  g: GraphBuilder,
  x: Tensor,
  filters: number,
  options: { kernel?: number; stride?: number; depthwise?: boolean },
  name: string,
): BodyGraph {
  const { kernel = 3, stride = 1, depthwise = false } = options;
  const channels = x.shape[1] as number;
  const groups = depthwise ? channels : 1;
  const weights = g.parameter(`${name}.weights`, [filters, channels / groups, kernel, kernel]);
  const convolved = g.conv(x, weights, { stride, padding: (kernel - 1) / 2, groups });
  const features = g.relu(g.batchNorm(convolved, `${name}.norm`));
  const positions = elementsOf(convolved.shape.slice(2));
  return { features, macs: positions * elementsOf(weights.shape) };
}

/** Tokens become the first token, which may be the class token, and their mean; a vector stays. Normalised. */
function poolVector(g: GraphBuilder, x: Tensor, name: string): Tensor {
  const normalised = (vector: Tensor, part: string) => {
    const width = vector.shape.slice(1);
    const scale = g.parameter(`${name}.${part}.scale`, width, ones);
    return g.layerNorm(vector, scale, g.parameter(`${name}.${part}.bias`, width));
  };
  if (x.shape.length !== 3) return normalised(x, 'norm');
  const first = g.flatten(g.slice(x, 1, 0, 1));
  return g.concat([normalised(first, 'first_norm'), normalised(g.mean(x, { axes: [1] }), 'mean_norm')], 1);
}
