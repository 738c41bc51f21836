import { sqrt } from './operators/activations.js';
import { add, div, maximum, mul, sub } from './operators/arithmetic.js';
import { sum } from './operators/reductions.js';
import type { Tensor } from './tensor.js';

export interface AdamOptions {
  /** Share of the old mean gradient that a step keeps. Default: 0.9 */
  beta1?: number;
  /** Share of the old mean squared gradient that a step keeps. Default: 0.999 */
  beta2?: number;
  /** Default: 1e-8 */
  epsilon?: number;
  /**
   * Decoupled: a step subtracts learning rate × this share (AdamW; Loshchilov and Hutter, 2019). Default: 0
   */
  weightDecay?: number;
  /** A longer gradient, all parameters together, is shortened to this. Default: none is */
  maxNorm?: number;
  /** Which parameters decay. Default: those of two and more dimensions, so not biases and norms */
  decays?: (name: string, shape: readonly number[]) => boolean;
}

/** The tensors of one optimiser step: all parameters in one vector. */
export interface AdamTensors {
  parameters: Tensor;
  /** Running means of the gradient and of its square. */
  moment1: Tensor;
  moment2: Tensor;
}

/** Scalars that change from step to step, see {@link adamScalars}. */
export interface AdamScalars<Scalar> {
  learningRate: Scalar;
  /** Learning rate / (1 − β₁ᵗ) */
  stepSize: Scalar;
  /** 1 / √(1 − β₂ᵗ) */
  rootCorrection: Scalar;
}

export const adamDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

/** @param step counted from 1 */
export function adamScalars(learningRate: number, step: number, options: AdamOptions): AdamScalars<number> {
  const { beta1, beta2 } = { ...adamDefaults, ...options };
  return {
    learningRate,
    stepSize: learningRate / (1 - beta1 ** step),
    rootCorrection: 1 / Math.sqrt(1 - beta2 ** step),
  };
}

/**
 * One step of Adam (Kingma and Ba, 2015, algorithm 1) as part of the graph.
 * @param gradient of the loss, of the parameters' length
 * @param decay weight decay per parameter, or `null`
 */
export function adamStep(
  before: AdamTensors,
  gradient: Tensor,
  scalars: AdamScalars<Tensor>,
  decay: Tensor | null,
  options: AdamOptions,
): AdamTensors {
  const { beta1, beta2, epsilon } = { ...adamDefaults, ...options };
  const bounded = options.maxNorm === undefined ? gradient : shortened(gradient, options.maxNorm);
  const moment1 = add(mul(before.moment1, beta1), mul(bounded, 1 - beta1));
  const moment2 = add(mul(before.moment2, beta2), mul(mul(bounded, bounded), 1 - beta2));
  const root = add(mul(sqrt(moment2), scalars.rootCorrection), epsilon);
  const change = div(mul(moment1, scalars.stepSize), root);
  const kept = decay ? mul(before.parameters, sub(1, mul(decay, scalars.learningRate))) : before.parameters;
  return { parameters: sub(kept, change), moment1, moment2 };
}

function shortened(gradient: Tensor, maxNorm: number): Tensor {
  const norm = sqrt(sum(mul(gradient, gradient)));
  return mul(gradient, div(maxNorm, maximum(norm, maxNorm)));
}
