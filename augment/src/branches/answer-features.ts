import type { GraphBuilder } from '../autodiff/graph-builder.js';
import type { Tensor } from '../autodiff/tensor.js';
import { probabilityFloor } from './confidence-features.js';

/**
 * The features of `confidenceFeatures` without those of a previous exit, of a class head in training. No gradient passes.
 * @param logits batch × classes
 * @returns batch × 3
 */
export function answerFeatures(g: GraphBuilder, logits: Tensor): Tensor {
  const logarithms = g.stopGradient(g.logSoftmax(logits));
  const probabilities = g.exp(logarithms);
  const top = g.topK(logarithms, 2);
  const first = g.slice(top, 1, 0, 1);
  const rest = g.log(g.clip(g.sub(1, g.exp(first)), probabilityFloor, 1));
  const entropy = g.neg(g.sum(g.mul(probabilities, logarithms), { axes: [1], keepDims: true }));
  return g.stopGradient(g.concat([g.sub(first, rest), g.sub(first, g.slice(top, 1, 1, 2)), entropy], 1));
}
