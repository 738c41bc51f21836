import { fail } from './tensor.js';

/** Trained values of a batch norm, one per channel each. */
export interface BatchNormValues {
  scale: Float32Array;
  bias: Float32Array;
  mean: Float32Array;
  variance: Float32Array;
}

/**
 * Weights and bias of one convolution (or of one linear layer with weights of outputs × inputs) that is equivalent to
 * a convolution followed by a trained batch norm.
 * @param weights filters × …
 * @param bias of the convolution, if it has one
 */
export function foldBatchNorm(
  weights: Float32Array,
  bias: Float32Array | null,
  norm: BatchNormValues,
  epsilon = 1e-5,
): { weights: Float32Array; bias: Float32Array } {
  const filters = norm.scale.length;
  const perFilter = weights.length / filters;
  if (!Number.isInteger(perFilter)) {
    fail('foldBatchNorm', `expected weights for ${filters} filters, found ${weights.length} values`);
  }
  const factors = norm.scale.map((scale, i) => scale / Math.sqrt((norm.variance[i] as number) + epsilon));
  return {
    weights: weights.map((weight, i) => weight * (factors[Math.floor(i / perFilter)] as number)),
    bias: factors.map(
      (factor, i) => (norm.bias[i] as number) + ((bias?.[i] ?? 0) - (norm.mean[i] as number)) * factor,
    ),
  };
}

/** The values of the batch norm `name` among trained ones. */
export function batchNormValues(values: ReadonlyMap<string, Float32Array>, name: string): BatchNormValues {
  const of = (part: string) =>
    values.get(`${name}.${part}`) ?? fail('batchNormValues', `expected ${name}.${part}, found none`);
  return { scale: of('scale'), bias: of('bias'), mean: of('mean'), variance: of('variance') };
}
