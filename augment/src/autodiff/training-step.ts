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
  /** Before the update; of the micro-batch, where a step has several. */
  loss: number;
  /** Row-major. */
  outputs: Readonly<Record<string, Float32Array>>;
}

/** Values carried from one step to the next, in two copies: one is read while the other is written. */
type Carried = Readonly<Record<string, RuntimeTensor>>;

/**
 * One step of training as one ONNX graph: forward pass, gradients and Adam. The graph takes parameters and
 * moments and writes the new ones into preallocated buffers, so a step costs one `run` and no further copies.
 * With `microBatches` a step is that many runs: the gradient is the mean of theirs, as if they were one batch, but batch
 * norms use the statistics of a micro-batch.
 * Equal seeds and inputs give equal parameters, bit for bit, on the same machine.
 *
 * `run` blocks the calling thread; the event loop runs between two steps.
 */
export class TrainingStep {
  private steps = 0;
  /** Micro-batches of the step in progress. */
  private taken = 0;
  private busy = false;
  private msInRuntime = 0;

  private constructor(
    private readonly session: InferenceSession,
    private readonly update: InferenceSession | null,
    private readonly microBatches: number,
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
    const { optimizer = {}, outputs = {}, values = new Map(), microBatches = 1 } = options;
    const { session, update, trained, kept } = await compileTrainingGraph(graph, loss, options);
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
        ...(update ? { [names.gradient]: vector(trained.size) } : {}),
      };
    };
    return new TrainingStep(
      session,
      update,
      microBatches,
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
   * Takes one step, or runs the next micro-batch of one; the last one changes the parameters. If it fails, they do not change.
   * @param inputs row-major values of every input of the graph
   * @throws OfframpError `TENSOR_INVALID` for an input of a wrong length; `TRAINING_FAILED` for a loss that is
   *   not a number
   */
  async step(
    inputs: Readonly<Record<string, Float32Array | Int32Array>>,
    learningRate: number,
  ): Promise<StepResult> {
    if (this.busy) throw new OfframpError('INTERNAL', 'a training step began before the last one ended');
    const feeds = [...this.inputs].map(
      ([name, { shape, type }]) => [name, fed(name, inputs[name], shape, type)] as const,
    );
    this.busy = true;
    try {
      const results = await this.run(
        this.session,
        [...feeds, ...this.scalars(learningRate)],
        [names.loss, ...this.outputs.map(outputName)],
      );
      const loss = Number(results[names.loss]?.data[0]);
      this.expectFinite(loss);
      this.turn(this.session);
      this.taken++;
      if (this.taken === this.microBatches) await this.finish(learningRate);
      const outputs = this.outputs.map(
        (name) => [name, results[outputName(name)]?.data as Float32Array] as const,
      );
      return { loss, outputs: Object.fromEntries(outputs) };
    } finally {
      this.busy = false;
    }
  }

  private async finish(learningRate: number): Promise<void> {
    if (this.update) {
      await this.run(this.update, this.scalars(learningRate), []);
      this.turn(this.update);
      this.valuesOf(names.gradient).fill(0);
    }
    this.taken = 0;
    this.steps++;
  }

  private scalars(learningRate: number): (readonly [string, RuntimeTensor])[] {
    const scalars = adamScalars(learningRate, this.steps + 1, this.optimizer);
    return (['learningRate', 'stepSize', 'rootCorrection'] as const).map((key) => [
      names[key],
      new RuntimeTensor('float32', Float32Array.of(scalars[key]), []),
    ]);
  }

  /** Runs a session that writes the next values of what it carries. */
  private async run(
    session: InferenceSession,
    given: readonly (readonly [string, RuntimeTensor])[],
    fetched: readonly string[],
  ): Promise<InferenceSession.OnnxValueMapType> {
    const reads = new Set(session.inputNames);
    const feeds = [...Object.entries(this.current), ...given].filter(([name]) => reads.has(name));
    const fetches = new Map<string, RuntimeTensor | null>(fetched.map((name) => [name, null]));
    for (const name of this.carriedBy(session)) fetches.set(nextOf(name), this.next[name] as RuntimeTensor);
    const start = performance.now();
    const run = session.run(Object.fromEntries(feeds), Object.fromEntries(fetches));
    return run.finally(() => {
      this.msInRuntime += performance.now() - start;
    });
  }

  /** What was written is read from now on. */
  private turn(session: InferenceSession): void {
    const { current, next } = this;
    const written = new Set(this.carriedBy(session));
    const chosen = (a: Carried, b: Carried) =>
      Object.fromEntries(Object.keys(a).map((name) => [name, (written.has(name) ? b : a)[name]])) as Carried;
    this.current = chosen(current, next);
    this.next = chosen(next, current);
  }

  private carriedBy(session: InferenceSession): string[] {
    return Object.keys(this.current).filter((name) => session.outputNames.includes(nextOf(name)));
  }

  private expectFinite(loss: number): void {
    if (Number.isFinite(loss)) return;
    throw new OfframpError('TRAINING_FAILED', `the loss is ${loss} at step ${this.steps + 1}`, {
      hint: 'Try a smaller learning rate, and check the preprocessing: mean and std must be those the model was trained with.',
    });
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
    await this.update?.release();
  }

  private valuesOf(name: string): Float32Array {
    return this.current[name]?.data as Float32Array;
  }

  private contents() {
    const variables = (vector: VariableVector) =>
      vector.variables.map(({ name, tensor }) => ({ name, shape: tensor.shape }));
    // Between two steps there is no gradient.
    return Object.keys(this.current)
      .filter((name) => name !== names.gradient)
      .map((name) => ({ name, variables: variables(name === names.states ? this.kept : this.trained) }));
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
