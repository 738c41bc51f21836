import type { GraphBuilder } from '../autodiff/graph-builder.js';
import { given } from '../autodiff/initialise.js';
import type { Tensor } from '../autodiff/tensor.js';
import type { CodecDesign } from './codec-design.js';

/** Smaller probabilities of a symbol count as this. */
const leastProbability = 1e-9;
const startDeviation = 2;

/**
 * Bits of a code under a logistic distribution per channel, whose places and widths are parameters: the mass between half
 * a step below and half a step above (Ballé et al., 2018, with one logistic for each channel).
 * @param code batch × channels × height × width, in units that have `step`
 * @param step 1 × 1 × 1 × 1
 * @returns per sample: batch
 */
export function codeBits(
  g: GraphBuilder,
  code: Tensor,
  step: Tensor,
  { code: { channels } }: CodecDesign,
): Tensor {
  const shape = [1, channels, 1, 1];
  const place = g.parameter('prior.place', shape, given(new Float32Array(channels)));
  const width = g.exp(
    g.parameter('prior.width', shape, given(new Float32Array(channels).fill(Math.log(startDeviation)))),
  );
  const centred = g.sub(code, place);
  // The lower half of the symmetric distribution, where the difference of two small numbers is exact.
  const below = g.minimum(centred, g.neg(centred));
  const half = g.mul(step, 0.5);
  const upTo = (edge: Tensor) => g.sigmoid(g.div(edge, width));
  const mass = g.sub(upTo(g.add(below, half)), upTo(g.sub(below, half)));
  const bits = g.mul(g.log(g.maximum(mass, leastProbability)), -1 / Math.LN2);
  return g.sum(bits, { axes: [1, 2, 3] });
}

/**
 * Squared error, each channel divided by its variance: batch.
 * @param inverseVariance broadcasts to the tensors without the batch
 */
export function scaledError(g: GraphBuilder, x: Tensor, target: Tensor, inverseVariance: Tensor): Tensor {
  const difference = g.sub(x, target);
  const axes = x.shape.map((_, axis) => axis).slice(1);
  return g.mean(g.mul(g.mul(difference, difference), inverseVariance), { axes });
}

/**
 * Kullback–Leibler divergence from softened answers, up to a constant: batch.
 * @param probabilities batch × classes, of the tail
 * @param teacher those of the whole model
 */
export function answerError(
  g: GraphBuilder,
  probabilities: Tensor,
  teacher: Tensor,
  temperature: number,
): Tensor {
  const softened = (answers: Tensor) => g.div(g.log(g.maximum(answers, leastProbability)), temperature);
  const target = g.stopGradient(g.softmax(softened(teacher)));
  const difference = g.sub(
    g.stopGradient(g.logSoftmax(softened(teacher))),
    g.logSoftmax(softened(probabilities)),
  );
  return g.sum(g.mul(target, difference), { axes: [1] });
}
