import { isOfframpError, OfframpError } from '@offramp/runtime';
import { adaptInput } from './adapt-input.js';
import { refuseBatchStatistics } from './batch-statistics.js';
import { shapesNeededBy } from './cost-model.js';
import { sweepCuts } from './cut-points.js';
import { type ExaminedModel, examine, nearlyEqual, type Unfit } from './examine.js';
import { withFloatOutput } from './float-output.js';
import { dataFlow } from './graph.js';
import { inlineConstantIfs } from './inline-ifs.js';
import { type InputChoice, integerRanges, type ModelInput, modelInputOf } from './input-layout.js';
import { sampleShapeOf } from './input-shape.js';
import { localiseShapes } from './localise-shapes.js';
import type { OnnxModel } from './model.js';
import { isOneScore, withScorePerClass } from './outputs.js';
import { isUnsupported, type Probe, ProbeProcess, type ProbeRun, runtimeMessage } from './probe.js';
import { blameShape } from './refused-shape.js';
import { repairBatch } from './repair-batch.js';
import { upgradeHint } from './upgrade.js';

export interface PreparedModel extends ExaminedModel {
  /** What the given model's input is, and what stands for it. */
  input: ModelInput;
  /** Whether the given model has a single score, of which two were made. */
  oneScore: boolean;
}

export interface PrepareOptions extends InputChoice {
  /** One sample's shape in the model's own order, for a model that leaves dimensions open. */
  inputShape: readonly number[] | undefined;
  /** Time for loading the model, and for each run, in milliseconds. */
  maxRunMs: number;
}

/**
 * Makes the batch dimension dynamic, the input float32 and of a picture channels first, and the output float32; checks by running that the model then answers every sample of a
 * batch as if it were alone. Shapes that are read far from where they come from are made local, so that they hide no cut
 * points.
 * @throws OfframpError `MODEL_INVALID`, `MODEL_UNSUPPORTED`, `CONFIG_INVALID`
 */
export async function prepareModel(given: OnnxModel, options: PrepareOptions): Promise<PreparedModel> {
  const { sampleShape, declaredBatch } = sampleShapeOf(given, options.inputShape);
  const input = modelInputOf(given, sampleShape, options);
  refuseBatchStatistics(given);
  const process = new ProbeProcess(given.where, options.maxRunMs, amplitudeFor(input));
  try {
    return await prepareIn(process, given, input, declaredBatch);
  } catch (error) {
    throw options.inputShape ? await refusedShape(process, given, options, declaredBatch, error) : error;
  } finally {
    process.close();
  }
}

function refusedShape(
  process: ProbeProcess,
  given: OnnxModel,
  options: PrepareOptions,
  batch: number,
  error: unknown,
): Promise<unknown> {
  const run = async (shape: readonly number[] | undefined) => {
    const input = shape && modelInputOf(given, shape, options);
    const model = input ? adapted(given, input) : given;
    const probe = await process.open(model, input?.shape ?? [], [], []);
    return input ? ((await probe.run(batch)).shapes.get(model.output.name) ?? []) : [];
  };
  return blameShape(given, options.inputShape ?? [], error, { batch, run });
}

/** Samples of integers are to differ although they are rounded. */
function amplitudeFor({ type }: ModelInput): number {
  const range = integerRanges.get(type);
  return range ? range[1] / 2 : 1;
}

/** The model with an input and an output as bundles have them, and a dynamic batch. */
function adapted(model: OnnxModel, input: ModelInput): OnnxModel {
  return withFloatOutput(adaptInput(model, input));
}

async function prepareIn(
  process: ProbeProcess,
  given: OnnxModel,
  input: ModelInput,
  declaredBatch: number,
): Promise<PreparedModel> {
  const { shape: sampleShape } = input;
  const asGiven = inlineConstantIfs(adapted(given, input));
  const older =
    given.older && (await runOlder(process, adapted(given.older, input), sampleShape, declaredBatch));
  let probe = await openProbe(process, asGiven, sampleShape);
  let reference = await runAsDeclared(asGiven, probe, declaredBatch);
  if (older && !nearlyEqual(older.output, reference.output)) throw unlikeOlder(given);
  const outputShape = reference.shapes.get(asGiven.output.name) ?? [];
  const model = withScorePerClass(asGiven, outputShape, declaredBatch);
  if (model !== asGiven) {
    probe = await openProbe(process, model, sampleShape);
    reference = await runAsDeclared(model, probe, declaredBatch);
  }
  const examineWith = async (changedModel: OnnxModel) =>
    examine(changedModel, await openProbe(process, changedModel, sampleShape), reference);

  let result = await examine(model, probe, reference);
  if ('problem' in result) {
    const repaired = repairBatch(model, declaredBatch);
    const repairedResult = repaired ? await examineWith(repaired) : result;
    if ('problem' in repairedResult) throw notPerSample(given.where, result);
    result = repairedResult;
  }
  const local = await localiseShapes(result.model, sampleShape, process);
  const localResult = local === result.model ? result : await examineWith(local);
  const prepared = 'problem' in localResult ? result : localResult;
  return { ...prepared, input, oneScore: isOneScore(outputShape, declaredBatch) };
}

async function runOlder(
  process: ProbeProcess,
  older: OnnxModel,
  sampleShape: readonly number[],
  batch: number,
): Promise<ProbeRun> {
  return runAsDeclared(older, await process.open(older, sampleShape, [], []), batch);
}

function unlikeOlder({ where, older, opset }: OnnxModel): OfframpError {
  return new OfframpError(
    'MODEL_UNSUPPORTED',
    `${where}: expected a model that can be brought from operator set ${older?.opset} to ${opset}; it answers otherwise then`,
    { hint: upgradeHint },
  );
}

async function runAsDeclared(model: OnnxModel, probe: Probe, batch: number): Promise<ProbeRun> {
  try {
    return await probe.run(batch);
  } catch (cause) {
    if (isOfframpError(cause)) throw cause;
    const problem = runtimeMessage(cause);
    throw new OfframpError(
      isUnsupported(problem) ? 'MODEL_UNSUPPORTED' : 'MODEL_INVALID',
      `${model.where}: ONNX Runtime cannot run it: ${problem}`,
      { cause },
    );
  }
}

/** A probe of the tensors that the cost depends on and of the cut points. */
function openProbe(process: ProbeProcess, model: OnnxModel, sampleShape: readonly number[]): Promise<Probe> {
  const flow = dataFlow(model.graph, model.input.name, model.output.name);
  const shapes = flow.nodes.flatMap(shapesNeededBy);
  return process.open(model, sampleShape, shapes, sweepCuts(model, flow).cuts);
}

function notPerSample(where: string, { problem, hint }: Unfit): OfframpError {
  return new OfframpError(
    'MODEL_UNSUPPORTED',
    `${where}: expected a model that answers each sample of any batch as if it were alone; ${problem}`,
    { hint },
  );
}
