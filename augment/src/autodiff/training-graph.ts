import { elementsOf } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import type { InferenceSession } from 'onnxruntime-node';
import { type AdamOptions, type AdamScalars, adamStep } from './adam.js';
import { Emitter } from './emit.js';
import { gradients } from './gradients.js';
import type { GraphBuilder } from './graph-builder.js';
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
}

/** The compiled training graph and its vectors. */
export const names = {
  parameters: 'training/parameters',
  moment1: 'training/moment1',
  moment2: 'training/moment2',
  states: 'training/states',
  learningRate: 'training/learning_rate',
  stepSize: 'training/step_size',
  rootCorrection: 'training/root_correction',
  loss: 'training/loss',
} as const;

export interface TrainingGraph {
  session: InferenceSession;
  /** The fitted parameters. */
  trained: VariableVector;
  /** States, and parameters that are not fitted. */
  kept: VariableVector;
}

/**
 * Compiles forward pass, gradients and Adam into one ONNX graph.
 * @param loss a scalar
 * @throws OfframpError `TENSOR_INVALID` for a loss that is not a scalar or does not depend on a parameter
 */
export async function compileTrainingGraph(
  graph: GraphBuilder,
  loss: Tensor,
  options: TrainingGraphOptions,
): Promise<TrainingGraph> {
  const { trains = () => true, optimizer = {}, outputs = {} } = options;
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

  const results = {
    [names.loss]: loss,
    [nextOf(names.parameters)]: after.parameters,
    [nextOf(names.moment1)]: after.moment1,
    [nextOf(names.moment2)]: after.moment2,
    ...(kept.size > 0 ? { [nextOf(names.states)]: joined(keptNext) } : {}),
    ...Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [outputName(name), tensor])),
  } satisfies Readonly<Record<string, Tensor>>;
  const inputs = [
    ...graph.inputs.entries(),
    ...(kept.size > 0 ? [[names.states, kept.tensor] as const] : []),
    ...[...Object.values(before), ...Object.values(scalars)].map(
      (tensor) => [nameOfInput(tensor), tensor] as const,
    ),
  ];
  const session = await compileSession(inputs, results, [trained, kept], options.threads ?? 0);
  return { session, trained, kept };
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
