import { elementsOf, formatShape } from '@offramp/bundle';
import { isOfframpError, OfframpError } from '@offramp/runtime';
import type { ShapeOf } from './cost-model.js';
import { sweepCuts } from './cut-points.js';
import { dataFlow, describeNode } from './graph.js';
import type { OnnxModel } from './model.js';
import { type Probe, type ProbeRun, runtimeMessage } from './probe.js';
import { quantisedTensors } from './quantisation.js';
import { leastSpread, spreadHint, spreadsOf } from './score-spread.js';

/** Samples of a run beside the first are of other sizes and signs. */
const batch = 3;
/** Between two runs of the same sample, relative to the largest score. */
const tolerance = 1e-3;
/** Scores below it are noise. */
const minScale = 1e-6;
/** Larger tensors are not looked into for the place where samples meet. */
const maxComparedElements = 2 ** 24;

/** Whether the output is a distribution over the classes already, or scores that softmax turns into one. */
export type OutputKind = 'logits' | 'probabilities';

/** A model that runs on any batch, and what its runs showed. */
export interface ExaminedModel {
  model: OnnxModel;
  classes: number;
  outputKind: OutputKind;
  /** For a batch of one, of the tensors that the cost depends on and of the cut points. */
  shapeOf: ShapeOf;
  /** Shape of one sample at a cut point; `null` where the batch is not its first dimension. */
  perSample(cutPoint: string): number[] | null;
  /** Type of the elements at a cut point. */
  typeOf(cutPoint: string): string | undefined;
}

/** Why a model cannot be used, and what to do about it. */
export interface Unfit {
  problem: string;
  hint: string;
}

const dynamicBatchHint =
  "Export it with a dynamic batch: torch.onnx.export(…, dynamic_shapes=({0: torch.export.Dim('N')},)), or dynamic_axes={'input': {0: 'N'}}.";

/**
 * Runs a model on batches of different sizes, and tells what there is to know of it.
 * @param reference a run of what the model has to equal
 * @throws OfframpError `MODEL_UNSUPPORTED` for an output that is not a score per class
 */
export async function examine(
  model: OnnxModel,
  probe: Probe,
  reference: ProbeRun,
): Promise<ExaminedModel | Unfit> {
  let single: ProbeRun;
  let several: ProbeRun;
  try {
    single = await probe.run(1);
    several = await probe.run(batch);
  } catch (error) {
    if (isOfframpError(error)) throw error;
    return { problem: `a batch of another size fails: ${runtimeMessage(error)}`, hint: dynamicBatchHint };
  }
  const name = model.output.name;
  const perSample = (tensor: string) => {
    const one = single.shapes.get(tensor) ?? [];
    const more = several.shapes.get(tensor) ?? [];
    const batched = one.length > 0 && one.join() === [1, ...more.slice(1)].join() && more[0] === batch;
    return batched ? one.slice(1) : null;
  };
  const outputShape = probe.typeOf(name) === 'float32' ? perSample(name) : null;
  if (!outputShape) {
    const found = formatShape(several.shapes.get(name) ?? []);
    return { problem: `the output of a batch of ${batch} has shape ${found}`, hint: dynamicBatchHint };
  }
  const [classes = 0] = outputShape;
  if (outputShape.length !== 1 || classes < 2) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${model.where}: expected output ${name} to hold one score per class, [batch, classes]; found [batch, ${outputShape.join(', ')}]`,
      { hint: 'Exits answer for whole samples. End the model with a pooling over all other dimensions.' },
    );
  }
  const alone = single.output.subarray(0, classes);
  const rounding = roundingOf(model);
  if (!nearlyEqual(alone, several.output.subarray(0, classes), rounding)) {
    return unlikeInBatch(model, probe, perSample, single);
  }
  if (!nearlyEqual(alone, reference.output.subarray(0, classes), rounding)) return changing;
  const outputKind = outputKindOf(several.output, classes);
  if (outputKind === 'logits') refuseAlike(model, several.output, classes);
  return {
    model,
    classes,
    outputKind,
    shapeOf: (tensor) => single.shapes.get(tensor) ?? [],
    perSample,
    typeOf: (tensor) => probe.typeOf(tensor),
  };
}

const changing: Unfit = {
  problem: 'a sample is answered differently from run to run',
  hint: 'Export the model for inference: model.eval() before the export.',
};

/** Why a sample is answered otherwise in a batch: finds the first cut point where it shows. */
async function unlikeInBatch(
  model: OnnxModel,
  probe: Probe,
  perSample: (tensor: string) => number[] | null,
  single: ProbeRun,
): Promise<Unfit> {
  const again = await probe.run(1);
  if (!nearlyEqual(single.output, again.output)) return changing;
  const { nodes, dynamic } = dataFlow(model.graph, model.input.name, model.output.name);
  const cuts = sweepCuts(model, { nodes, dynamic }).cuts.filter((tensor) => {
    const shape = probe.typeOf(tensor) === 'float32' ? perSample(tensor) : null;
    return shape && elementsOf(shape) * batch <= maxComparedElements;
  });
  const differsAt = async (tensor: string) => {
    const [alone, together] = await Promise.all(
      [1, batch].map(
        async (size) => (await probe.run(size, [tensor])).values.get(tensor)?.data as Float32Array,
      ),
    );
    return !nearlyEqual(alone as Float32Array, (together as Float32Array).subarray(0, alone?.length));
  };
  let [equal, differing] = [-1, cuts.length];
  while (differing - equal > 1) {
    const middle = Math.floor((equal + differing) / 2);
    if (await differsAt(cuts[middle] as string)) differing = middle;
    else equal = middle;
  }
  const first = cuts[differing] ?? model.output.name;
  const writer = nodes.find(({ output }) => output.includes(first));
  const place = `between ${cuts[equal] ?? model.input.name} and ${first}${writer ? ` (${describeNode(writer)})` : ''}`;
  return {
    problem: `a sample is answered differently when another shares its batch: they meet ${place}`,
    hint: 'Something there computes over the whole batch. Export the model for inference (model.eval()), without reductions over the batch dimension.',
  };
}

/**
 * Whether two runs gave the same scores, to the tolerance.
 * @param allowed difference, if larger
 */
export function nearlyEqual(a: Float32Array, b: Float32Array, allowed = 0): boolean {
  const scale = a.reduce((largest, value) => Math.max(largest, Math.abs(value)), minScale);
  const most = Math.max(allowed, tolerance * scale);
  return a.every((value, i) => Object.is(value, b[i]) || Math.abs(value - (b[i] as number)) <= most);
}

/** A quantised score that is nearly in the middle between two integers is rounded to either. */
function roundingOf({ graph, output }: OnnxModel): number {
  return 1.5 * (quantisedTensors(graph).get(output.name)?.scale ?? 0);
}

/** @throws OfframpError `MODEL_UNSUPPORTED` for logits that softmax makes equal, in all samples; those of no spread may have other causes */
function refuseAlike({ where, output: { name } }: OnnxModel, output: Float32Array, classes: number): void {
  const largest = Math.max(...spreadsOf(output, classes));
  if (!(largest > 0 && largest < leastSpread)) return;
  throw new OfframpError(
    'MODEL_UNSUPPORTED',
    `${where}: expected scores that differ from class to class; those of ${name} lie within ${largest.toPrecision(1)} of each other, which softmax makes equal probabilities of`,
    { hint: spreadHint },
  );
}

function outputKindOf(output: Float32Array, classes: number): OutputKind {
  const rows = Array.from({ length: output.length / classes }, (_, row) =>
    output.subarray(row * classes, (row + 1) * classes),
  );
  // Samples far from what the model knows can overflow.
  const finite = rows.filter((scores) => scores.every(Number.isFinite));
  return finite.length > 0 && finite.every(isDistribution) ? 'probabilities' : 'logits';
}

function isDistribution(scores: Float32Array): boolean {
  const sum = scores.reduce((total, value) => total + value, 0);
  return Math.abs(sum - 1) <= tolerance && scores.every((value) => value >= 0);
}
