import { formatShape, OfframpError } from '@offramp/shared';
import { onnx } from '#onnx';
import type { ShapeOf } from './cost-model.js';
import { GraphEditor } from './graph-editor.js';
import { sampleShapeOf } from './input-shape.js';
import { changed, type OnnxModel } from './model.js';
import { openProbe, type Probe, type ProbeRun, runtimeMessage } from './probe.js';
import { repairBatch } from './repair-batch.js';
import { batchOf } from './value-info.js';

const batch = 2;
/** Between two runs of the same sample, relative to the largest score. */
const tolerance = 1e-3;

/** Whether the output is a distribution over the classes already, or scores that softmax turns into one. */
export type OutputKind = 'logits' | 'probabilities';

/** A model that runs on any batch, and what its runs told. */
export interface PreparedModel {
  model: OnnxModel;
  /** Of one sample. */
  inputShape: number[];
  classes: number;
  outputKind: OutputKind;
  /** For a batch of one. */
  shapeOf: ShapeOf;
  /** Shape of one sample of a tensor; `null` where it is not float32 with the batch as first dimension. */
  perSample(tensor: string): number[] | null;
}

export interface PrepareOptions {
  /** One sample's shape, for a model that leaves dimensions open. */
  inputShape: readonly number[] | undefined;
  /** Tensors that {@link PreparedModel.shapeOf} is to know … */
  shapes: readonly string[];
  /** … and those that {@link PreparedModel.perSample} is to know. */
  activations: readonly string[];
}

/**
 * Makes the batch dimension dynamic, and checks by running that the model then answers every sample of a
 * batch as if it were alone.
 * @throws OfframpError `MODEL_INVALID`, `MODEL_UNSUPPORTED`, `CONFIG_INVALID`
 */
export async function prepareModel(given: OnnxModel, options: PrepareOptions): Promise<PreparedModel> {
  const { sampleShape, declaredBatch } = sampleShapeOf(given, options.inputShape);
  const open = (model: OnnxModel) => openProbe(model, sampleShape, options.shapes, options.activations);
  const firstRun = (probe: Probe) =>
    probe.run(declaredBatch).catch(async (cause: unknown) => {
      await probe.close();
      throw new OfframpError(
        'MODEL_INVALID',
        `${given.where}: ONNX Runtime cannot run it: ${runtimeMessage(cause)}`,
        { cause },
      );
    });
  let asGiven = withDynamicInput(given, sampleShape);
  let probe = await open(asGiven);
  let reference = await firstRun(probe);
  if (isFlattenable(reference.shapes.get(asGiven.output.name) ?? [])) {
    await probe.close();
    asGiven = withFlatOutput(asGiven);
    probe = await open(asGiven);
    reference = await firstRun(probe);
  }
  const prepared = await examine(asGiven, probe, sampleShape, reference);
  if (typeof prepared !== 'string') return prepared;

  const repaired = repairBatch(asGiven, declaredBatch);
  if (repaired) {
    const result = await examine(repaired, await open(repaired), sampleShape, reference);
    if (typeof result !== 'string') return result;
  }
  throw new OfframpError(
    'MODEL_UNSUPPORTED',
    `${given.where}: expected a model that answers each sample of any batch as if it were alone; ${prepared}`,
    {
      hint: "Export it for inference and with a dynamic batch: model.eval(), torch.onnx.export(…, dynamic_axes={'input': {0: 'N'}}).",
    },
  );
}

function withDynamicInput(given: OnnxModel, sampleShape: readonly number[]): OnnxModel {
  const input = batchOf(given.input.name, sampleShape);
  // The declared output and inner shapes may hold the old batch size; ONNX Runtime infers them anew.
  const output = new onnx.ValueInfoProto({ name: given.output.name });
  const graph = changed(onnx.GraphProto, given.graph, { input: [input], output: [output], valueInfo: [] });
  return { ...given, proto: changed(onnx.ModelProto, given.proto, { graph }), graph, input, output };
}

/** Whether scores lie in [batch, classes, 1, 1], as fully convolutional networks leave them. */
function isFlattenable(shape: readonly number[]): boolean {
  return shape.length > 2 && shape.slice(2).every((size) => size === 1);
}

function withFlatOutput(model: OnnxModel): OnnxModel {
  const graph = changed(onnx.GraphProto, model.graph, { node: [...model.graph.node] });
  const proto = changed(onnx.ModelProto, model.proto, { graph });
  const editor = new GraphEditor(proto);
  const output = new onnx.ValueInfoProto({ name: editor.uniqueName(`${model.output.name}_flat`) });
  editor.addNode('Flatten', [model.output.name], [output.name], { axis: { i: 1 } });
  graph.output = [output];
  return { ...model, proto, graph, output };
}

/** @returns what is wrong, if anything */
async function examine(
  model: OnnxModel,
  probe: Probe,
  inputShape: number[],
  reference: ProbeRun,
): Promise<PreparedModel | string> {
  let single: ProbeRun;
  let several: ProbeRun;
  try {
    single = await probe.run(1);
    several = await probe.run(batch);
  } catch (error) {
    return `a batch of another size fails: ${runtimeMessage(error)}`;
  } finally {
    await probe.close();
  }
  const name = model.output.name;
  const perSample = (tensor: string) => {
    const one = single.shapes.get(tensor) ?? [];
    const two = several.shapes.get(tensor) ?? [];
    const batched = one.length > 0 && one.join() === [1, ...two.slice(1)].join() && two[0] === batch;
    return batched && probe.isFloat32(tensor) ? one.slice(1) : null;
  };
  const outputShape = perSample(name);
  if (!outputShape) {
    const found = formatShape(several.shapes.get(name) ?? []);
    return `the output of a batch of ${batch} has shape ${found}`;
  }
  const [classes = 0] = outputShape;
  if (outputShape.length !== 1 || classes < 2) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${model.where}: expected output ${name} to hold one score per class, [batch, classes]; found [batch, ${outputShape.join(', ')}]`,
    );
  }
  const alone = single.output.subarray(0, classes);
  if (
    !nearlyEqual(alone, several.output.subarray(0, classes)) ||
    !nearlyEqual(alone, reference.output.subarray(0, classes))
  ) {
    return 'a sample is answered differently when another shares its batch, or from run to run';
  }
  return {
    model,
    inputShape,
    classes,
    outputKind: outputKindOf(several.output, classes),
    shapeOf: (tensor) => single.shapes.get(tensor) ?? [],
    perSample,
  };
}

function nearlyEqual(a: Float32Array, b: Float32Array): boolean {
  const scale = a.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  return a.every(
    (value, i) => Object.is(value, b[i]) || Math.abs(value - (b[i] as number)) <= tolerance * scale,
  );
}

function outputKindOf(output: Float32Array, classes: number): OutputKind {
  for (let row = 0; row < output.length; row += classes) {
    const scores = output.subarray(row, row + classes);
    const sum = scores.reduce((total, value) => total + value, 0);
    if (!(Math.abs(sum - 1) <= tolerance) || scores.some((value) => value < 0)) return 'logits';
  }
  return 'probabilities';
}
