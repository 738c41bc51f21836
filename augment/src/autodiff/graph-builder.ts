import { elementsOf, expectShape } from '@offramp/bundle';
import { heNormal, type Initialiser, ones, zeros } from './initialise.js';
import * as activations from './operators/activations.js';
import * as arithmetic from './operators/arithmetic.js';
import { conv } from './operators/conv.js';
import { linear, matMul } from './operators/matmul.js';
import { batchNormInference, batchNormTraining, layerNorm } from './operators/normalisation.js';
import { averagePool, globalAveragePool, maxPool } from './operators/pooling.js';
import { mean, sum } from './operators/reductions.js';
import * as shapes from './operators/shapes.js';
import { logSoftmax, softmax } from './operators/softmax.js';
import { constant, fail, filled, stopGradient, Tensor } from './tensor.js';

/** A tensor that training changes: by the optimiser, or by its own update. */
export interface Variable {
  readonly name: string;
  readonly tensor: Tensor;
  readonly initial: Initialiser;
}

/** A variable that every step recomputes, such as a running mean. */
export interface State extends Variable {
  readonly next: Tensor;
}

export interface BatchNormOptions {
  /** Added to the variance. Default: 1e-5 */
  epsilon?: number;
  /** Share of the old running statistics that a step keeps. Default: 0.9 */
  momentum?: number;
  /** Whether training also uses the running statistics, and does not update them. Default: false */
  frozen?: boolean;
}

/**
 * Builds a graph of symbolic tensors with known shapes. The operators are functions of tensors
 * and can be used without a builder. Only named tensors need one.
 *
 * The batch is a number: a training step is compiled for one. Feed it full batches by drawing across the end
 * of an epoch; a smaller last batch would give batch norms other statistics. A graph that is exported runs
 * with any batch, unless the batch was written into it by a `reshape` without −1.
 */
export class GraphBuilder {
  readonly inputs = new Map<string, Tensor>();
  readonly parameters = new Map<string, Variable>();
  readonly states = new Map<string, State>();

  /** @param microBatches of a step: running statistics move by the share of a step with each of them */
  constructor(private readonly microBatches = 1) {}

  /** A float32 input of every step. */
  input(name: string, shape: readonly number[]): Tensor {
    return this.addInput(name, shape, 'float32');
  }

  /** An int32 input of every step, such as class numbers. */
  integerInput(name: string, shape: readonly number[]): Tensor {
    return this.addInput(name, shape, 'int32');
  }

  /**
   * A tensor that the optimiser fits.
   * @param initial default: He's normal for weights of two and more dimensions, zeros for others
   */
  parameter(name: string, shape: readonly number[], initial?: Initialiser): Tensor {
    this.expectNew(name);
    const tensor = new Tensor(shape, 'float32', { kind: 'parameter', name });
    this.parameters.set(name, {
      name,
      tensor,
      initial: initial ?? (shape.length >= 2 ? heNormal : zeros),
    });
    return tensor;
  }

  /**
   * A tensor that every step replaces, without a gradient.
   * @param next its value after the step, from its value before it
   */
  state(
    name: string,
    shape: readonly number[],
    initial: Initialiser,
    next: (before: Tensor) => Tensor,
  ): Tensor {
    this.expectNew(name);
    const tensor = new Tensor(shape, 'float32', { kind: 'state', name });
    const after = next(tensor);
    expectShape(name, shape, after.shape);
    this.states.set(name, { name, tensor, initial, next: after });
    return tensor;
  }

  /**
   * Batch normalisation: by the batch's statistics in training, by running ones after it. Declares the
   * parameters `name.scale` and `name.bias` and the states `name.mean` and `name.variance`. As the usual
   * frameworks do, the running variance is the unbiased one.
   * @param x batch × channels × …
   */
  batchNorm(x: Tensor, name: string, options: BatchNormOptions = {}): Tensor {
    const { epsilon = 1e-5, frozen = false } = options;
    const momentum = (options.momentum ?? 0.9) ** (1 / this.microBatches);
    if (x.shape.length < 2) fail('batchNorm', 'expected batch × channels × …');
    const channels = x.shape.slice(1, 2);
    const scale = this.parameter(`${name}.scale`, channels, ones);
    const bias = this.parameter(`${name}.bias`, channels, zeros);
    const trained = frozen ? null : batchNormTraining(x, scale, bias, epsilon);
    const values = elementsOf(x.shape) / elementsOf(channels);
    const unbiased = values > 1 ? values / (values - 1) : 1;
    const blended = (batch: Tensor | undefined, factor: number) => (before: Tensor) =>
      batch
        ? arithmetic.add(arithmetic.mul(before, momentum), arithmetic.mul(batch, (1 - momentum) * factor))
        : before;
    const runningMean = this.state(`${name}.mean`, channels, zeros, blended(trained?.mean, 1));
    const runningVariance = this.state(
      `${name}.variance`,
      channels,
      ones,
      blended(trained?.variance, unbiased),
    );
    const inference = batchNormInference(x, { scale, bias, runningMean, runningVariance }, epsilon);
    if (!trained) return inference;
    trained.y.inference = inference;
    return trained.y;
  }

  readonly constant = constant;
  readonly filled = filled;
  readonly stopGradient = stopGradient;
  readonly add = arithmetic.add;
  readonly sub = arithmetic.sub;
  readonly mul = arithmetic.mul;
  readonly div = arithmetic.div;
  readonly neg = arithmetic.neg;
  readonly maximum = arithmetic.maximum;
  readonly minimum = arithmetic.minimum;
  readonly relu = activations.relu;
  readonly gelu = activations.gelu;
  readonly sigmoid = activations.sigmoid;
  readonly logSigmoid = activations.logSigmoid;
  readonly softplus = activations.softplus;
  readonly exp = activations.exp;
  readonly log = activations.log;
  readonly sqrt = activations.sqrt;
  readonly clip = activations.clip;
  readonly round = activations.round;
  readonly softmax = softmax;
  readonly logSoftmax = logSoftmax;
  readonly conv = conv;
  readonly averagePool = averagePool;
  readonly maxPool = maxPool;
  readonly globalAveragePool = globalAveragePool;
  readonly layerNorm = layerNorm;
  readonly matMul = matMul;
  readonly linear = linear;
  readonly sum = sum;
  readonly mean = mean;
  readonly reshape = shapes.reshape;
  readonly flatten = shapes.flatten;
  readonly transpose = shapes.transpose;
  readonly concat = shapes.concat;
  readonly slice = shapes.slice;
  readonly gatherColumn = shapes.gatherColumn;
  readonly zeroPad = shapes.zeroPad;
  readonly oneHot = shapes.oneHot;
  readonly topK = shapes.topK;

  private addInput(name: string, shape: readonly number[], type: 'float32' | 'int32'): Tensor {
    this.expectNew(name);
    const tensor = new Tensor(shape, type, { kind: 'input', name });
    this.inputs.set(name, tensor);
    return tensor;
  }

  private expectNew(name: string): void {
    if (this.inputs.has(name) || this.parameters.has(name) || this.states.has(name)) {
      fail('graph', `expected a new name, found ${name} a second time`);
    }
  }
}
