import { elementsOf } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import type { InferenceSession } from 'onnxruntime-node';
import { type AdamOptions, type AdamScalars, adamStep } from './adam.js';
import { Emitter } from './emit.js';
import { gradients } from './gradients.js';
import type { GraphBuilder } from './graph-builder.js';
import { graphPeakBytes } from './graph-peak-bytes.js';
import { add, mul } from './operators/arithmetic.js';
import { rawReshape } from './operators/raw.js';
import { openSession, startModel } from './session.js';
import { constant, operation, Tensor } from './tensor.js';
import { VariableVector } from './variable-vector.js';

export interface TrainingGraphOptions {
  /** Tensors that every step returns besides the loss, computed before its update. */
  outputs?: Readonly<Record<string, Tensor>>;
  /** Which parameters are fitted; the others do not change. Default: all */
  trains?: (name: string) => boolean;
  optimizer?: AdamOptions;
  /** Threads that one operator may use. Default: the number of cores */
  threads?: number;
  /** Micro-batches of a step, each the size of the graph's batch. Default: 1 */
  microBatches?: number;
}

/** The compiled training graph and its vectors. */
export const names = {
  parameters: 'training/parameters',
  moment1: 'training/moment1',
  moment2: 'training/moment2',
  states: 'training/states',
  gradient: 'training/gradient',
  learningRate: 'training/learning_rate',
  stepSize: 'training/step_size',
  rootCorrection: 'training/root_correction',
  loss: 'training/loss',
} as const;

export interface TrainingGraph {
  /** Runs a micro-batch; with a single one it updates the parameters, too. */
  session: InferenceSession;
  /** Updates the parameters by the gradient that several micro-batches have added up; else `null`. */
  update: InferenceSession | null;
  /** The fitted parameters. */
  trained: VariableVector;
  /** States, and parameters that are not fitted. */
  kept: VariableVector;
}

/**
 * Compiles forward pass, gradients and Adam into one ONNX graph. With several micro-batches it compiles two: one adds a
 * micro-batch's share of the mean gradient to what those before have, the other takes Adam's step.
 * @param loss a scalar
 * @throws OfframpError `TENSOR_INVALID` for a loss that is not a scalar or does not depend on a parameter
 */
export async function compileTrainingGraph(
  graph: GraphBuilder,
  loss: Tensor,
  options: TrainingGraphOptions,
): Promise<TrainingGraph> {
  const plan = planTrainingGraph(graph, loss, options);
  const { trained, kept } = plan;
  const threads = options.threads ?? 0;
  const session = await compileSession(plan, plan.step, threads);
  if (!plan.update) return { session, update: null, trained, kept };
  try {
    return { session, update: await compileSession(plan, plan.update, threads), trained, kept };
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** What a session computes from what: symbolic tensors by name. */
interface SessionGraph {
  inputs: readonly (readonly [name: string, tensor: Tensor])[];
  results: Readonly<Record<string, Tensor>>;
}

interface TrainingGraphPlan {
  step: SessionGraph;
  update: SessionGraph | null;
  trained: VariableVector;
  kept: VariableVector;
}

function planTrainingGraph(
  graph: GraphBuilder,
  loss: Tensor,
  { trains = () => true, optimizer = {}, outputs = {}, microBatches = 1 }: TrainingGraphOptions,
): TrainingGraphPlan {
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

  const own = joined(
    gradients(
      loss,
      trained.variables.map(({ tensor }) => tensor),
    ),
  );
  const keptNext = kept.variables.map(({ name, tensor }) => graph.states.get(name)?.next ?? tensor);
  const forward = {
    [names.loss]: loss,
    ...(kept.size > 0 ? { [nextOf(names.states)]: joined(keptNext) } : {}),
    ...Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [outputName(name), tensor])),
  };
  const given = [...graph.inputs.entries(), ...(kept.size > 0 ? [[names.states, kept.tensor] as const] : [])];
  if (microBatches === 1) {
    const { inputs, results } = optimiserGraph(trained, own, optimizer);
    const step = { inputs: [...given, ...inputs], results: { ...forward, ...results } };
    return { step, update: null, trained, kept };
  }
  const soFar = inputTensor(names.gradient, [trained.size]);
  const next = add(soFar, mul(own, 1 / microBatches));
  const step = {
    inputs: [...given, [names.parameters, trained.tensor] as const, [names.gradient, soFar] as const],
    results: { ...forward, [nextOf(names.gradient)]: next },
  };
  const { inputs, results } = optimiserGraph(trained, soFar, optimizer);
  return { step, update: { inputs: [...inputs, [names.gradient, soFar]], results }, trained, kept };
}

/** Adam's step, by a gradient. */
function optimiserGraph(trained: VariableVector, gradient: Tensor, optimizer: AdamOptions): SessionGraph {
  const scalars: AdamScalars<Tensor> = {
    learningRate: inputTensor(names.learningRate, []),
    stepSize: inputTensor(names.stepSize, []),
    rootCorrection: inputTensor(names.rootCorrection, []),
  };
  const before = {
    parameters: trained.tensor,
    moment1: inputTensor(names.moment1, [trained.size]),
    moment2: inputTensor(names.moment2, [trained.size]),
  };
  const after = adamStep(before, gradient, scalars, decayOf(trained, optimizer), optimizer);
  return {
    inputs: [...Object.values(before), ...Object.values(scalars)].map(
      (tensor) => [nameOfInput(tensor), tensor] as const,
    ),
    results: {
      [nextOf(names.parameters)]: after.parameters,
      [nextOf(names.moment1)]: after.moment1,
      [nextOf(names.moment2)]: after.moment2,
    },
  };
}

const inputTensor = (name: string, shape: readonly number[]) =>
  new Tensor(shape, 'float32', { kind: 'input', name });

async function compileSession(
  { trained, kept }: Pick<TrainingGraphPlan, 'trained' | 'kept'>,
  { inputs, results }: SessionGraph,
  threads: number,
): Promise<InferenceSession> {
  const editor = startModel(
    inputs.map(([name, { shape, type }]) => ({ name, shape, type: type === 'int32' ? type : 'float32' })),
  );
  for (const name of Object.keys(results)) editor.uniqueName(name);
  const given = new Set(inputs.map(([, tensor]) => tensor));
  const vectors = [trained, kept].filter(({ size, tensor }) => size > 0 && given.has(tensor));
  const parts = new Map(vectors.flatMap((vector) => [...vector.addParts(editor)]));
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

/**
 * The bytes that the tensors of a step take at most, for a graph of this batch: without the vectors of parameters, which no
 * batch changes.
 */
export function stepPeakBytes(graph: GraphBuilder, loss: Tensor, options: TrainingGraphOptions): number {
  const { results } = planTrainingGraph(graph, loss, { ...options, microBatches: 2 }).step;
  return graphPeakBytes(Object.values(results));
}

/** All values in one vector. */
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

export function nextOf(name: string): string {
  return `${name}/next`;
}

export function outputName(name: string): string {
  return `output/${name}`;
}

function nameOfInput({ origin }: Tensor): string {
  return 'name' in origin ? origin.name : '';
}
