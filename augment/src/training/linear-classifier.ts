import { OfframpError } from '@offramp/runtime';
import { seededPermutation } from '../support/random.js';
import { type Matrix, rowOf } from './matrix.js';

/** probabilities = softmax(features · weights + bias) */
export interface LinearClassifier {
  /** features × classes, row by row. */
  weights: Float32Array;
  /** One per class. */
  bias: Float32Array;
  classes: number;
}

export interface LinearTrainingOptions {
  classes: number;
  epochs: number;
  batchSize: number;
  /** Adam's initial rate, which falls to 0 along half a cosine. */
  learningRate: number;
  /** Pulls the weights of standardised features towards 0: loss + l2/2 · Σw². */
  l2: number;
  seed: number;
  /** Called after every epoch with its mean loss (nats per sample). May be slow. */
  onEpoch?: (epoch: number, loss: number) => void | Promise<void>;
}

/** Decay rates and epsilon of Adam (Kingma and Ba, 2015, algorithm 1). */
const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/**
 * Multinomial logistic regression by Adam on shuffled mini-batches. Features are standardised for the
 * training; the result takes them without standardisation.
 * @param targets one class per row
 * @throws OfframpError `TRAINING_FAILED` when the loss is no longer a number
 */
export async function trainLinearClassifier(
  features: Matrix,
  targets: ArrayLike<number>,
  options: LinearTrainingOptions,
): Promise<LinearClassifier> {
  const { width, rows } = features;
  const { classes, batchSize } = options;
  const { mean, scale } = columnStatistics(features);
  const parameters = new Float32Array((width + 1) * classes); // the last row is the bias
  const gradient = new Float32Array(parameters.length);
  const moment1 = new Float32Array(parameters.length);
  const moment2 = new Float32Array(parameters.length);
  const standardised = new Float32Array(width);
  const scores = new Float32Array(classes);
  const steps = options.epochs * Math.ceil(rows / batchSize);
  let step = 0;

  for (let epoch = 0; epoch < options.epochs; epoch++) {
    const order = seededPermutation(rows, options.seed + epoch);
    let loss = 0;
    for (let start = 0; start < rows; start += batchSize) {
      const end = Math.min(rows, start + batchSize);
      gradient.fill(0);
      for (let i = start; i < end; i++) {
        const row = order[i] as number;
        const values = rowOf(features, row);
        for (let j = 0; j < width; j++) {
          standardised[j] = ((values[j] as number) - (mean[j] as number)) * (scale[j] as number);
        }
        multiply(standardised, parameters, classes, scores);
        const target = targets[row] as number;
        softmaxInPlace(scores);
        loss -= Math.log(Math.max(scores[target] as number, 1e-12));
        scores[target] = (scores[target] as number) - 1;
        accumulate(standardised, scores, gradient, classes);
      }
      step++;
      const rate = options.learningRate * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
      const correction1 = 1 - adam.beta1 ** step;
      const correction2 = 1 - adam.beta2 ** step;
      for (let p = 0; p < parameters.length; p++) {
        const decay = p < width * classes ? options.l2 * (parameters[p] as number) : 0;
        const g = (gradient[p] as number) / (end - start) + decay;
        const m1 = adam.beta1 * (moment1[p] as number) + (1 - adam.beta1) * g;
        const m2 = adam.beta2 * (moment2[p] as number) + (1 - adam.beta2) * g * g;
        moment1[p] = m1;
        moment2[p] = m2;
        parameters[p] =
          (parameters[p] as number) -
          (rate * (m1 / correction1)) / (Math.sqrt(m2 / correction2) + adam.epsilon);
      }
    }
    if (!Number.isFinite(loss)) {
      throw new OfframpError('TRAINING_FAILED', `the loss is ${loss} after epoch ${epoch + 1}`, {
        hint: 'Check the preprocessing: mean and std must be those the model was trained with.',
      });
    }
    await options.onEpoch?.(epoch, loss / rows);
  }
  return unstandardise(parameters, mean, scale, classes);
}

/** @returns rows × classes */
export function applyLinearClassifier(classifier: LinearClassifier, features: Matrix): Matrix {
  const { classes } = classifier;
  const parameters = new Float32Array(classifier.weights.length + classes);
  parameters.set(classifier.weights);
  parameters.set(classifier.bias, classifier.weights.length);
  const result: Matrix = {
    values: new Float32Array(features.rows * classes),
    rows: features.rows,
    width: classes,
  };
  for (let row = 0; row < features.rows; row++) {
    const scores = rowOf(result, row);
    multiply(rowOf(features, row), parameters, classes, scores);
    softmaxInPlace(scores);
  }
  return result;
}

function multiply(
  input: Float32Array,
  parameters: Float32Array,
  classes: number,
  scores: Float32Array,
): void {
  const width = input.length;
  for (let c = 0; c < classes; c++) scores[c] = parameters[width * classes + c] as number;
  for (let j = 0; j < width; j++) {
    const value = input[j] as number;
    const offset = j * classes;
    for (let c = 0; c < classes; c++) {
      scores[c] = (scores[c] as number) + value * (parameters[offset + c] as number);
    }
  }
}

function accumulate(input: Float32Array, error: Float32Array, gradient: Float32Array, classes: number): void {
  const width = input.length;
  for (let j = 0; j < width; j++) {
    const value = input[j] as number;
    const offset = j * classes;
    for (let c = 0; c < classes; c++) {
      gradient[offset + c] = (gradient[offset + c] as number) + value * (error[c] as number);
    }
  }
  const offset = width * classes;
  for (let c = 0; c < classes; c++) {
    gradient[offset + c] = (gradient[offset + c] as number) + (error[c] as number);
  }
}

function softmaxInPlace(scores: Float32Array): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (const score of scores) largest = Math.max(largest, score);
  let sum = 0;
  for (let c = 0; c < scores.length; c++) {
    scores[c] = Math.exp((scores[c] as number) - largest);
    sum += scores[c] as number;
  }
  for (let c = 0; c < scores.length; c++) scores[c] = (scores[c] as number) / sum;
}

/** Mean of every column, and 1 / standard deviation (0 for a constant column, which has no information). */
function columnStatistics(features: Matrix): { mean: Float64Array; scale: Float64Array } {
  const mean = new Float64Array(features.width);
  const square = new Float64Array(features.width);
  for (let row = 0; row < features.rows; row++) {
    const values = rowOf(features, row);
    for (let j = 0; j < features.width; j++) {
      // Welford's update, because sums of squares would cancel if the mean is far from 0.
      const delta = (values[j] as number) - (mean[j] as number);
      mean[j] = (mean[j] as number) + delta / (row + 1);
      square[j] = (square[j] as number) + delta * ((values[j] as number) - (mean[j] as number));
    }
  }
  const scale = square.map((sum) => {
    const deviation = Math.sqrt(sum / features.rows);
    return deviation > 1e-8 ? 1 / deviation : 0;
  });
  return { mean, scale };
}

function unstandardise(
  parameters: Float32Array,
  mean: Float64Array,
  scale: Float64Array,
  classes: number,
): LinearClassifier {
  const width = mean.length;
  const weights = new Float32Array(width * classes);
  const bias = Float64Array.from(parameters.subarray(width * classes));
  for (let j = 0; j < width; j++) {
    for (let c = 0; c < classes; c++) {
      const weight = (parameters[j * classes + c] as number) * (scale[j] as number);
      weights[j * classes + c] = weight;
      bias[c] = (bias[c] as number) - weight * (mean[j] as number);
    }
  }
  return { weights, bias: Float32Array.from(bias), classes };
}
