import { OfframpError } from '@offramp/runtime';
import { type Matrix, rowOf } from './matrix.js';

/** probability = sigmoid(features · weights + bias) */
export interface LogisticModel {
  /** One per feature. */
  weights: Float64Array;
  bias: number;
}

export interface LogisticPrior {
  /** The weights without data; one per feature. */
  weights: ArrayLike<number>;
  /** Weight of the prior: loss (nats, summed over rows) + strength/2 · Σ ((w − prior)·σ)², σ a feature's standard deviation. */
  strength: number;
}

const mostSteps = 50;
const largestStep = 2;
const converged = 1e-9;
/** Keeps the bias finite if all targets are equal. */
const biasStrength = 1e-2;

/**
 * Logistic regression with a Gaussian prior, by Newton's method. The optimum is unique, so the order of the rows does not matter.
 * @param targets 0 or 1 per row
 * @throws OfframpError `TRAINING_FAILED` for features that are not numbers
 */
export function fitLogistic(
  features: Matrix,
  targets: ArrayLike<number>,
  prior: LogisticPrior,
): LogisticModel {
  const { width } = features;
  const { mean, deviation } = columnStatistics(features);
  const standardised = standardise(features, mean, deviation);
  const centre = Float64Array.from({ length: width + 1 }, (_, j) =>
    j < width ? (prior.weights[j] as number) * (deviation[j] as number) : 0,
  );
  const strength = Float64Array.from({ length: width + 1 }, (_, j) =>
    j < width ? prior.strength : biasStrength,
  );
  const parameters = centre.slice();
  for (let i = 0; i < mostSteps; i++) {
    const { gradient, hessian } = slopes(standardised, targets, parameters);
    for (let j = 0; j <= width; j++) {
      const pull = strength[j] as number;
      gradient[j] = (gradient[j] as number) + pull * ((parameters[j] as number) - (centre[j] as number));
      const diagonal = j * (width + 1) + j;
      hessian[diagonal] = (hessian[diagonal] as number) + pull;
    }
    const step = solve(hessian, gradient);
    const longest = step.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    if (!Number.isFinite(longest)) {
      throw new OfframpError('TRAINING_FAILED', `a logistic fit took a step of ${longest}`, {
        hint: 'Check the preprocessing: mean and std must be those the model was trained with.',
      });
    }
    // Far from the optimum the curvature may be tiny, and a full step would overshoot.
    const share = Math.min(1, largestStep / longest);
    for (let j = 0; j <= width; j++) {
      parameters[j] = (parameters[j] as number) - share * (step[j] as number);
    }
    if (longest < converged) break;
  }
  const weights = deviation.map((value, j) => (value > 0 ? (parameters[j] as number) / value : 0));
  const bias = weights.reduce(
    (sum, weight, j) => sum - weight * (mean[j] as number),
    parameters[width] as number,
  );
  return { weights, bias };
}

/** @returns a probability per row */
export function applyLogistic({ weights, bias }: LogisticModel, features: Matrix): Float64Array {
  return Float64Array.from({ length: features.rows }, (_, row) => {
    const score = rowOf(features, row).reduce((sum, value, j) => sum + value * (weights[j] as number), bias);
    return 1 / (1 + Math.exp(-score));
  });
}

/** Gradient and Hessian (row by row) of the summed loss. @param rows standardised, with a last column of ones */
function slopes(
  rows: readonly Float64Array[],
  targets: ArrayLike<number>,
  parameters: Float64Array,
): { gradient: Float64Array; hessian: Float64Array } {
  const size = parameters.length;
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(size * size);
  rows.forEach((values, row) => {
    const score = values.reduce((sum, value, j) => sum + value * (parameters[j] as number), 0);
    const probability = 1 / (1 + Math.exp(-score));
    const error = probability - (targets[row] as number);
    const curvature = probability * (1 - probability);
    for (let j = 0; j < size; j++) {
      gradient[j] = (gradient[j] as number) + error * (values[j] as number);
      for (let k = 0; k < size; k++) {
        const at = j * size + k;
        hessian[at] = (hessian[at] as number) + curvature * (values[j] as number) * (values[k] as number);
      }
    }
  });
  return { gradient, hessian };
}

function columnStatistics({ rows, width, values }: Matrix): { mean: Float64Array; deviation: Float64Array } {
  const mean = new Float64Array(width);
  const deviation = new Float64Array(width);
  for (let j = 0; j < width; j++) {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += values[row * width + j] as number;
    const average = rows > 0 ? sum / rows : 0;
    let squares = 0;
    for (let row = 0; row < rows; row++) squares += ((values[row * width + j] as number) - average) ** 2;
    const found = Math.sqrt(squares / Math.max(1, rows));
    mean[j] = average;
    // A constant column has no information.
    deviation[j] = found < 1e-8 ? 0 : found;
  }
  return { mean, deviation };
}

function standardise(features: Matrix, mean: Float64Array, deviation: Float64Array): Float64Array[] {
  return Array.from({ length: features.rows }, (_, row) => {
    const values = rowOf(features, row);
    return Float64Array.from({ length: features.width + 1 }, (_, j) => {
      if (j === features.width) return 1;
      const scale = deviation[j] as number;
      return scale > 0 ? ((values[j] as number) - (mean[j] as number)) / scale : 0;
    });
  });
}

/** Solves a symmetric positive definite system by Cholesky's decomposition. @param matrix row by row */
function solve(matrix: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  const lower = new Float64Array(size * size);
  const solution = new Float64Array(size);
  const at = (row: number, column: number) => lower[row * size + column] as number;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j] as number;
      for (let k = 0; k < j; k++) sum -= at(i, k) * at(j, k);
      lower[i * size + j] = i === j ? Math.sqrt(sum) : sum / at(j, j);
    }
    let sum = right[i] as number;
    for (let k = 0; k < i; k++) sum -= at(i, k) * (solution[k] as number);
    solution[i] = sum / at(i, i);
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = solution[i] as number;
    for (let k = i + 1; k < size; k++) sum -= at(k, i) * (solution[k] as number);
    solution[i] = sum / at(i, i);
  }
  return solution;
}
