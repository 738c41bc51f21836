import { elementsOf } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import { type InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { type AdamOptions, adamScalars } from './adam.js';
import { readCheckpoint, writeCheckpoint } from './checkpoint.js';
import type { GraphBuilder } from './graph-builder.js';
import { expectFeed } from './session.js';
import type { Tensor, TensorType } from './tensor.js';
import {
  compileTrainingGraph,
  names,
  nextOf,
  outputName,
  type TrainingGraphOptions,
} from './training-graph.js';
import type { VariableVector } from './variable-vector.js';

export interface TrainingStepOptions extends TrainingGraphOptions {
  /** Seed of the parameters' initial values. */
  seed: number;
  /** Values that parameters and states start from, instead of their initialisers'. */
  values?: ReadonlyMap<string, Float32Array>;
}

export interface StepResult {
  /** Before the update. */
  loss: number;
  /** Row-major. */
  outputs: Readonly<Record<string, Float32Array>>;
}

/** Values carried from one step to the next, in two copies: one is read while the other is written. */
type Carried = Readonly<Record<string, RuntimeTensor>>;

/**
 * One step of training as one ONNX graph: forward pass, gradients and Adam. The graph takes parameters and
 * moments and writes the new ones into preallocated buffers, so a step costs one `run` and no further copies.
 * Equal seeds and inputs give equal parameters, bit for bit, on the same machine.
 *
 * `run` blocks the calling thread; the event loop runs between two steps.
 */
export class TrainingStep {
  private steps = 0;
  private busy = false;
  private msInRuntime = 0;

  private constructor(
    private readonly session: InferenceSession,
    private readonly inputs: ReadonlyMap<string, Tensor>,
    private readonly outputs: readonly string[],
    private readonly trained: VariableVector,
    private readonly kept: VariableVector,
    private readonly optimizer: AdamOptions,
    private current: Carried,
    private next: Carried,
  ) {}

  /**
   * @param loss a scalar
   * @throws OfframpError `TENSOR_INVALID` for a loss that is not a scalar or does not depend on a parameter
   */
  static async compile(
    graph: GraphBuilder,
    loss: Tensor,
    options: TrainingStepOptions,
  ): Promise<TrainingStep> {
    const { optimizer = {}, outputs = {}, values = new Map() } = options;
    const { session, trained, kept } = await compileTrainingGraph(graph, loss, options);
    const carried = (first: boolean): Carried => {
      const vector = (size: number, initial?: () => Float32Array) =>
        new RuntimeTensor('float32', first && initial ? initial() : new Float32Array(size), [size]);
      return {
        [names.parameters]: vector(trained.size, () => trained.initialValues(options.seed, values)),
        [names.moment1]: vector(trained.size),
        [names.moment2]: vector(trained.size),
        ...(kept.size > 0
          ? { [names.states]: vector(kept.size, () => kept.initialValues(options.seed, values)) }
          : {}),
      };
    };
    return new TrainingStep(
      session,
      graph.inputs,
      Object.keys(outputs),
      trained,
      kept,
      optimizer,
      carried(true),
      carried(false),
    );
  }

  /** Time spent inside ONNX Runtime by all steps so far, in milliseconds. */
  get runtimeMs(): number {
    return this.msInRuntime;
  }

  /** Steps taken so far, including those before a checkpoint. */
  get stepCount(): number {
    return this.steps;
  }

  /**
   * Takes one step. If it fails, parameters do not change.
   * @param inputs row-major values of every input of the graph
   * @throws OfframpError `TENSOR_INVALID` for an input of a wrong length; `TRAINING_FAILED` for a loss that is
   *   not a number
   */
  async step(
    inputs: Readonly<Record<string, Float32Array | Int32Array>>,
    learningRate: number,
  ): Promise<StepResult> {
    if (this.busy) throw new OfframpError('INTERNAL', 'a training step began before the last one ended');
    const feeds = new Map(Object.entries(this.current));
    for (const [name, { shape, type }] of this.inputs) {
      feeds.set(name, fed(name, inputs[name], shape, type));
    }
    const scalars = adamScalars(learningRate, this.steps + 1, this.optimizer);
    for (const key of ['learningRate', 'stepSize', 'rootCorrection'] as const) {
      feeds.set(names[key], new RuntimeTensor('float32', Float32Array.of(scalars[key]), []));
    }
    const fetches = new Map<string, RuntimeTensor | null>([[names.loss, null]]);
    for (const [name, tensor] of Object.entries(this.next)) fetches.set(nextOf(name), tensor);
    for (const name of this.outputs) fetches.set(outputName(name), null);

    this.busy = true;
    const start = performance.now();
    const run = this.session.run(Object.fromEntries(feeds), Object.fromEntries(fetches));
    const results = await run.finally(() => {
      this.busy = false;
      this.msInRuntime += performance.now() - start;
    });
    const loss = Number(results[names.loss]?.data[0]);
    if (!Number.isFinite(loss)) {
      throw new OfframpError('TRAINING_FAILED', `the loss is ${loss} at step ${this.steps + 1}`, {
        hint: 'Try a smaller learning rate, and check the preprocessing: mean and std must be those the model was trained with.',
      });
    }
    this.steps++;
    [this.current, this.next] = [this.next, this.current];
    const outputs = this.outputs.map(
      (name) => [name, results[outputName(name)]?.data as Float32Array] as const,
    );
    return { loss, outputs: Object.fromEntries(outputs) };
  }

  /** Copies of the values of all parameters and states, by name. */
  parameters(): Map<string, Float32Array> {
    const trained = this.trained.split(this.valuesOf(names.parameters));
    return new Map([...trained, ...(this.kept.size > 0 ? this.kept.split(this.valuesOf(names.states)) : [])]);
  }

  /** Serialises everything that the next step depends on. */
  save(): Uint8Array {
    return writeCheckpoint({
      steps: this.steps,
      vectors: this.contents().map((each) => ({ ...each, values: this.valuesOf(each.name) })),
    });
  }

  /**
   * Restores the state that {@link save} returned for a step of the same graph.
   * @throws OfframpError `TENSOR_INVALID` for bytes that are not a checkpoint, or one of another graph
   */
  load(bytes: Uint8Array): void {
    const contents = this.contents();
    const { steps, values } = readCheckpoint(bytes, contents);
    contents.forEach(({ name }, i) => {
      this.valuesOf(name).set(values[i] as Float32Array);
    });
    this.steps = steps;
  }

  async close(): Promise<void> {
    await this.session.release();
  }

  private valuesOf(name: string): Float32Array {
    return this.current[name]?.data as Float32Array;
  }

  private contents() {
    const variables = (vector: VariableVector) =>
      vector.variables.map(({ name, tensor }) => ({ name, shape: tensor.shape }));
    return Object.keys(this.current).map((name) => ({
      name,
      variables: variables(name === names.states ? this.kept : this.trained),
    }));
  }
}

function fed(
  name: string,
  data: Float32Array | Int32Array | undefined,
  shape: readonly number[],
  type: TensorType,
): RuntimeTensor {
  const length = elementsOf(shape);
  return type === 'int32'
    ? new RuntimeTensor('int32', expectFeed(name, data, 'int32', length) as Int32Array, shape)
    : new RuntimeTensor('float32', expectFeed(name, data, 'float32', length) as Float32Array, shape);
}
