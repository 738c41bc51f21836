import { isOfframpError, OfframpError } from '@offramp/runtime';
import { onnx } from '#onnx';
import { refuseBatchStatistics } from './batch-statistics.js';
import { shapesNeededBy } from './cost-model.js';
import { sweepCuts } from './cut-points.js';
import { type ExaminedModel, examine, nearlyEqual, type Unfit } from './examine.js';
import { dataFlow } from './graph.js';
import { inlineConstantIfs } from './inline-ifs.js';
import { sampleShapeOf } from './input-shape.js';
import { localiseShapes } from './localise-shapes.js';
import { changed, type OnnxModel } from './model.js';
import { isOneScore, withScorePerClass } from './outputs.js';
import { isUnsupported, type Probe, ProbeProcess, type ProbeRun, runtimeMessage } from './probe.js';
import { blameShape } from './refused-shape.js';
import { repairBatch } from './repair-batch.js';
import { upgradeHint } from './upgrade.js';
import { batchOf, declaredShape } from './value-info.js';

export interface PreparedModel extends ExaminedModel {
  /** Whether the given model has a single score, of which two were made. */
  oneScore: boolean;
}

export interface PrepareOptions {
  /** One sample's shape, for a model that leaves dimensions open. */
  inputShape: readonly number[] | undefined;
  /** Time for loading the model, and for each run, in milliseconds. */
  maxRunMs: number;
}

/**
 * Makes the batch dimension dynamic, and checks by running that the model then answers every sample of a
 * batch as if it were alone. Shapes that are read far from where they come from are made local, so that they hide no cut
 * points.
 * @throws OfframpError `MODEL_INVALID`, `MODEL_UNSUPPORTED`, `CONFIG_INVALID`
 */
export async function prepareModel(given: OnnxModel, options: PrepareOptions): Promise<PreparedModel> {
  const process = new ProbeProcess(given.where, options.maxRunMs);
  const { inputShape } = options;
  try {
    return await prepareIn(process, given, inputShape);
  } catch (error) {
    throw inputShape ? await refusedShape(process, given, inputShape, error) : error;
  } finally {
    process.close();
  }
}

function refusedShape(
  process: ProbeProcess,
  given: OnnxModel,
  wanted: readonly number[],
  error: unknown,
): Promise<unknown> {
  const [declared] = declaredShape(given.input) ?? [];
  const batch = typeof declared === 'number' ? declared : 1;
  const run = async (shape: readonly number[] | undefined) => {
    const model = shape ? withDynamicInput(given, shape) : given;
    const probe = await process.open(model, shape ?? [], [], []);
    return shape ? ((await probe.run(batch)).shapes.get(model.output.name) ?? []) : [];
  };
  return blameShape(given, wanted, error, { batch, run });
}

async function prepareIn(
  process: ProbeProcess,
  given: OnnxModel,
  inputShape: readonly number[] | undefined,
): Promise<PreparedModel> {
  const { sampleShape, declaredBatch } = sampleShapeOf(given, inputShape);
  refuseBatchStatistics(given);
  const asGiven = inlineConstantIfs(withDynamicInput(given, sampleShape));
  const older = given.older && (await runOlder(process, given.older, sampleShape, declaredBatch));
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
    examine(changedModel, await openProbe(process, changedModel, sampleShape), sampleShape, reference);

  let result = await examine(model, probe, sampleShape, reference);
  if ('problem' in result) {
    const repaired = repairBatch(model, declaredBatch);
    const repairedResult = repaired ? await examineWith(repaired) : result;
    if ('problem' in repairedResult) throw notPerSample(given.where, result);
    result = repairedResult;
  }
  const local = await localiseShapes(result.model, sampleShape, process);
  const localResult = local === result.model ? result : await examineWith(local);
  const prepared = 'problem' in localResult ? result : localResult;
  return { ...prepared, oneScore: isOneScore(outputShape, declaredBatch) };
}

async function runOlder(
  process: ProbeProcess,
  older: OnnxModel,
  sampleShape: readonly number[],
  batch: number,
): Promise<ProbeRun> {
  const model = withDynamicInput(older, sampleShape);
  return runAsDeclared(model, await process.open(model, sampleShape, [], []), batch);
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

function withDynamicInput(given: OnnxModel, sampleShape: readonly number[]): OnnxModel {
  const input = batchOf(given.input.name, sampleShape);
  // The declared output and inner shapes may hold the old batch size; ONNX Runtime infers them again.
  const output = new onnx.ValueInfoProto({ name: given.output.name });
  const graph = changed(onnx.GraphProto, given.graph, { input: [input], output: [output], valueInfo: [] });
  return { ...given, proto: changed(onnx.ModelProto, given.proto, { graph }), graph, input, output };
}
