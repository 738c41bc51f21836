import { elementsOf, OfframpError } from '@offramp/shared';
import { type InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { type AdamOptions, type AdamScalars, adamScalars, adamStep } from './adam.js';
import { readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { Emitter } from './emit.js';
import { gradients } from './gradients.js';
import type { GraphBuilder } from './graph-builder.js';
import { rawReshape } from './operators/raw.js';
import { expectFeed, openSession, startModel } from './session.js';
import { constant, operation, Tensor, type TensorType } from './tensor.js';
import { VariableVector } from './variable-vector.js';

export interface TrainingStepOptions {
  /** Of the parameters' first values. */
  seed: number;
  /** Values that parameters and states start from, instead of their initialisers'. */
  values?: ReadonlyMap<string, Float32Array>;
  /** Tensors that every step returns besides the loss, as they were before its update. */
  outputs?: Readonly<Record<string, Tensor>>;
  /** Which parameters are fitted; the others stay as they are. Default: all */
  trains?: (name: string) => boolean;
  optimizer?: AdamOptions;
  /** That one operator may use. Default: as many as there are cores */
  threads?: number;
}

export interface StepResult {
  /** Before the update. */
  loss: number;
  /** Row-major. */
  outputs: Record<string, Float32Array>;
}

/** What goes from one step to the next, in two copies: one is read while the other one is written. */
type Carried = Record<string, RuntimeTensor>;

const names = {
  parameters: 'training/parameters',
  moment1: 'training/moment1',
  moment2: 'training/moment2',
  states: 'training/states',
  learningRate: 'training/learning_rate',
  stepSize: 'training/step_size',
  rootCorrection: 'training/root_correction',
  loss: 'training/loss',
} as const;

/**
 * One step of training as one ONNX graph: forward pass, gradients and Adam. The graph takes parameters and
 * moments and returns the new ones into buffers of ours, so that a step costs one `run` and no copies beyond it.
 * Equal seeds and inputs give equal parameters, bit for bit, on the same machine.
 *
 * `run` blocks the thread that calls it; between two steps the event loop gets its turn.
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
   * @throws OfframpError `TENSOR_INVALID` for a loss that is no scalar or does not depend on a parameter
   */
  static async compile(
    graph: GraphBuilder,
    loss: Tensor,
    options: TrainingStepOptions,
  ): Promise<TrainingStep> {
    const { trains = () => true, optimizer = {}, outputs = {}, values = new Map() } = options;
    const parameters = [...graph.parameters.values()];
    const trained = new VariableVector(
      names.parameters,
      parameters.filter(({ name }) => trains(name)),
    );
    const kept = new VariableVector(names.states, [
      ...graph.states.values(),
      ...parameters.filter(({ name }) => !trains(name)),
    ]);
    if (trained.size === 0) throw new OfframpError('TENSOR_INVALID', 'there is no parameter to train');

    const scalar = (name: string) => new Tensor([], 'float32', { kind: 'input', name });
    const like = (name: string) => new Tensor([trained.size], 'float32', { kind: 'input', name });
    const scalars: AdamScalars<Tensor> = {
      learningRate: scalar(names.learningRate),
      stepSize: scalar(names.stepSize),
      rootCorrection: scalar(names.rootCorrection),
    };
    const before = {
      parameters: trained.tensor,
      moment1: like(names.moment1),
      moment2: like(names.moment2),
    };
    const gradient = joined(
      gradients(
        loss,
        trained.variables.map(({ tensor }) => tensor),
      ),
    );
    const after = adamStep(before, gradient, scalars, decayOf(trained, optimizer), optimizer);
    const keptNext = kept.variables.map(({ name, tensor }) => graph.states.get(name)?.next ?? tensor);

    const results: Record<string, Tensor> = {
      [names.loss]: loss,
      [nextOf(names.parameters)]: after.parameters,
      [nextOf(names.moment1)]: after.moment1,
      [nextOf(names.moment2)]: after.moment2,
      ...(kept.size > 0 ? { [nextOf(names.states)]: joined(keptNext) } : {}),
      ...Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [outputName(name), tensor])),
    };
    const inputs = [
      ...graph.inputs.entries(),
      ...(kept.size > 0 ? [[names.states, kept.tensor] as const] : []),
      ...[...Object.values(before), ...Object.values(scalars)].map(
        (tensor) => [nameOfInput(tensor), tensor] as const,
      ),
    ];
    const session = await compileSession(inputs, results, [trained, kept], options.threads ?? 0);

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

  /** Steps taken so far, those before a checkpoint among them. */
  get stepCount(): number {
    return this.steps;
  }

  /**
   * Takes one step. Where it fails, parameters stay as they were.
   * @param inputs row-major values of every input of the graph
   * @throws OfframpError `TENSOR_INVALID` for an input that does not fit; `TRAINING_FAILED` for a loss that is
   *   no number
   */
  async step(
    inputs: Readonly<Record<string, Float32Array | Int32Array>>,
    learningRate: number,
  ): Promise<StepResult> {
    if (this.busy) throw new OfframpError('INTERNAL', 'a training step began before the last one ended');
    const feeds: Record<string, RuntimeTensor> = { ...this.current };
    for (const [name, { shape, type }] of this.inputs) {
      feeds[name] = fed(name, inputs[name], shape, type);
    }
    const scalars = adamScalars(learningRate, this.steps + 1, this.optimizer);
    for (const key of ['learningRate', 'stepSize', 'rootCorrection'] as const) {
      feeds[names[key]] = new RuntimeTensor('float32', Float32Array.of(scalars[key]), []);
    }
    const fetches: Record<string, RuntimeTensor | null> = { [names.loss]: null };
    for (const [name, tensor] of Object.entries(this.next)) fetches[nextOf(name)] = tensor;
    for (const name of this.outputs) fetches[outputName(name)] = null;

    this.busy = true;
    const start = performance.now();
    const results = await this.session.run(feeds, fetches).finally(() => {
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

  /** Everything that the next step depends on, as bytes. */
  save(): Uint8Array {
    return writeCheckpoint({
      steps: this.steps,
      vectors: this.contents().map((each) => ({ ...each, values: this.valuesOf(each.name) })),
    });
  }

  /**
   * Goes on from where {@link save} was called on a step of the same graph.
   * @throws OfframpError `TENSOR_INVALID` for bytes that are no checkpoint, or one of another graph
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

async function compileSession(
  inputs: readonly (readonly [string, Tensor])[],
  results: Readonly<Record<string, Tensor>>,
  vectors: readonly VariableVector[],
  threads: number,
): Promise<InferenceSession> {
  const editor = startModel(
    inputs.map(([name, { shape, type }]) => ({ name, shape, type: type === 'int32' ? type : 'float32' })),
  );
  for (const name of Object.keys(results)) editor.uniqueName(name);
  const parts = new Map(
    vectors.filter(({ size }) => size > 0).flatMap((vector) => [...vector.addParts(editor)]),
  );
  const emitter = new Emitter(editor, {
    inference: false,
    prefix: '',
    source: (_, name) => parts.get(name) ?? name,
  });
  for (const [name, tensor] of Object.entries(results)) emitter.writeAs(tensor, name);
  return openSession(
    editor,
    Object.entries(results).map(([name, { shape }]) => ({ name, shape, type: 'float32' })),
    threads,
  );
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

/** One vector of all the values. */
function joined(tensors: readonly Tensor[]): Tensor {
  const flat = tensors.map((tensor) => rawReshape(tensor, [elementsOf(tensor.shape)]));
  const length = flat.reduce((total, { shape }) => total + (shape[0] as number), 0);
  return operation('Concat', flat, [length], { attributes: { axis: { i: 0 } } });
}

function decayOf(trained: VariableVector, optimizer: AdamOptions): Tensor | null {
  const { weightDecay = 0, decays = (_, shape) => shape.length >= 2 } = optimizer;
  if (weightDecay === 0) return null;
  const decay = trained.perVariable(({ name, tensor }) => (decays(name, tensor.shape) ? weightDecay : 0));
  return constant(decay, [trained.size]);
}

function nextOf(name: string): string {
  return `${name}/next`;
}

function outputName(name: string): string {
  return `output/${name}`;
}

function nameOfInput({ origin }: Tensor): string {
  return 'name' in origin ? origin.name : '';
}
