import { elementsOf, formatShape } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import type { onnx } from '#onnx';
import { channelAxes } from './channel-axis.js';
import { countedInside, isOpaque, macsOf } from './cost-model.js';
import { findCutPoints } from './cut-points.js';
import type { OutputKind } from './examine.js';
import { findGaps, type Gap } from './gaps.js';
import { dataFlow, pruned, writesOf } from './graph.js';
import type { InputChoice, Layout, ModelInput } from './input-layout.js';
import type { OnnxModel } from './model.js';
import { operatorNames } from './operator-names.js';
import { parametersOf } from './parameters.js';
import { prepareModel } from './prepare-model.js';
import { maxProbeMs } from './probe.js';
import { quantisedTensors } from './quantisation.js';
import { samplePeakBytes } from './sample-peak-bytes.js';
import { bytesPerElement, type StoredTensor, storedTensor } from './stored-tensor.js';

/** A place where the backbone can be cut in two and an exit attached. */
export interface CutPoint {
  /** The tensor's name. */
  tensor: string;
  /** Of one sample: the batch dimension is left out. */
  shape: number[];
  /** Where its channels are, if not where they usually are: first of three dimensions, last of two. */
  layout?: Layout;
  /** Multiply-accumulates of everything up to and with this tensor, for one sample. */
  cumulativeMacs: number;
  /** Parameters that are used up to and with this tensor. */
  cumulativeParameters: number;
  /** Bytes of one sample's activation here, in the fewest bits that lose nothing. */
  activationBytes: number;
  /** How the model holds the tensor, where not simply as float32. */
  stored?: StoredTensor;
}

/** What there is to know about a backbone before exits are attached. */
export interface BackboneProfile {
  /** The model with a dynamic batch dimension: the one to cut. Its weights are the given model's. */
  model: OnnxModel;
  /** Its name in the given model, and what stands for it in a bundle. */
  input: { name: string } & ModelInput;
  output: {
    name: string;
    classes: number;
    kind: OutputKind;
    /** The model has a single score: the one of the second of two classes. */
    oneScore?: true;
  };
  /** Of the whole backbone, for one sample. */
  macs: number;
  parameters: number;
  /** Of all tensors that a run on one sample needs at the same time, about. */
  samplePeakBytes: number;
  /** Operators whose multiply-accumulates are not in the count, because they cannot be seen into. */
  uncounted: string[];
  /** In the order in which they are computed. */
  cutPoints: CutPoint[];
  /** Expensive parts without cut points. */
  gaps: Gap[];
}

export type { OutputKind } from './examine.js';

export interface ProfileOptions extends InputChoice {
  /** One sample's shape in the model's own order, batch left out, for a model that leaves dimensions open. */
  inputShape?: readonly number[] | undefined;
  /** Time for loading the model, and for each of a few runs, in milliseconds. Default: two minutes. */
  maxRunMs?: number;
}

/**
 * Runs a backbone and tells its cut points and costs. Where batch size 1 is written into the graph it is
 * made dynamic, if that can be done without changing what the model computes.
 *
 * A cut point is listed if its tensor has the batch as its first of two or more dimensions, and is float32, float16 or of
 * integers whose scale and zero point are known. Not listed is a tensor that is rounded to such integers at the same cost.
 *
 * @throws OfframpError `MODEL_UNSUPPORTED` for a model that cannot be cut, or not run on batches, or whose
 *   output is not a score per class; `MODEL_INVALID` for one that does not run at all; `CONFIG_INVALID` for
 *   an `inputShape` that does not fit
 */
export async function profileBackbone(
  given: OnnxModel,
  options: ProfileOptions = {},
): Promise<BackboneProfile> {
  const prepared = await prepareModel(given, {
    ...{ inputShape: options.inputShape, kind: options.kind, layout: options.layout },
    maxRunMs: options.maxRunMs ?? maxProbeMs,
  });
  const { model, input, classes, shapeOf } = prepared;
  // What stands before the model's own input is no place for an exit.
  const before = new Set(pruned(model.graph.node, given.input.name).flatMap(writesOf));
  const tensors = findCutPoints(model).filter((tensor) => !before.has(tensor));

  const values = dataFlow(model.graph, model.input.name, model.output.name);
  const flow = values.nodes;
  const costs = flow.map((node) => macsOf(node, shapeOf));
  const parameters = parametersOf(model.graph, flow);
  const shapeOrInput = (tensor: string) =>
    tensor === model.input.name ? [1, ...input.shape] : shapeOf(tensor);
  const total = { macs: 0, parameters: 0 };
  const after = new Map<string, { macs: number; parameters: number }>();
  flow.forEach((node, index) => {
    total.macs += costs[index] ?? 0;
    total.parameters += parameters[index] ?? 0;
    for (const name of writesOf(node)) after.set(name, { ...total });
  });

  const axes = channelAxes(values);
  const quantised = quantisedTensors(model.graph);
  const possible = tensors.flatMap((tensor): CutPoint[] => {
    const shape = prepared.perSample(tensor);
    const cost = after.get(tensor);
    const stored = storedTensor(prepared.typeOf(tensor), quantised.get(tensor));
    if (!shape || shape.length === 0 || !cost || !stored) return [];
    return [
      {
        tensor,
        shape,
        ...layoutOf(shape, axes.get(tensor)),
        cumulativeMacs: cost.macs,
        cumulativeParameters: cost.parameters,
        activationBytes: elementsOf(shape) * bytesPerElement(stored),
        ...(stored.type === 'float32' && !stored.quantisation ? {} : { stored }),
      },
    ];
  });
  const cutPoints = possible.filter((cutPoint, i) => !isSuperseded(cutPoint, possible.slice(i + 1)));
  if (cutPoints.length === 0) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${model.where}: expected a cut point that is float32 with the batch as its first dimension; found ` +
        tensors
          .slice(0, 3)
          .map((name) => `${name} (${formatShape(shapeOf(name))})`)
          .join(', '),
    );
  }
  return {
    model,
    input: { name: given.input.name, ...input },
    output: {
      name: model.output.name,
      classes,
      kind: prepared.outputKind,
      ...(prepared.oneScore ? { oneScore: true } : {}),
    },
    ...total,
    samplePeakBytes: samplePeakBytes(values, shapeOrInput, model.output.name),
    uncounted: [...new Set(flow.filter(isOpaque).map(opaqueName))],
    cutPoints,
    gaps: findGaps(
      values,
      costs,
      cutPoints.map(({ tensor }) => tensor),
    ),
  };
}

function layoutOf({ length }: readonly number[], axis: number | undefined): Pick<CutPoint, 'layout'> {
  const isLast = axis === -1 || axis === length;
  if (length === 2 && axis === 1) return { layout: 'channels-first' };
  return length === 3 && isLast ? { layout: 'channels-last' } : {};
}

/**
 * Whether a later cut point of the same cost has what the model goes on with in fewer bits, or as values instead of integers.
 * Cut at a tensor that is rounded next, the model would not compute the rounding in the same kernel, and round otherwise.
 */
function isSuperseded(
  { stored, cumulativeMacs, activationBytes }: CutPoint,
  later: readonly CutPoint[],
): boolean {
  if (stored?.quantisation && stored.type === 'float32') return false;
  return later.some(
    (other) =>
      other.stored?.quantisation !== undefined &&
      (!stored || other.stored.type === 'float32') &&
      other.cumulativeMacs === cumulativeMacs &&
      other.activationBytes <= activationBytes,
  );
}

/** `Loop (with MatMul inside)` */
function opaqueName(node: onnx.NodeProto): string {
  const [name = ''] = operatorNames([node]);
  const inside = operatorNames(countedInside(node));
  return inside.length > 0 ? `${name} (with ${inside.join(', ')} inside)` : name;
}
