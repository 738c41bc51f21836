import { stageTensors } from '@offramp/bundle';
import type { onnx } from '#onnx';
import { GraphBuilder } from '../autodiff/graph-builder.js';
import { importGraph } from '../autodiff/import/import-graph.js';
import type { Tensor } from '../autodiff/tensor.js';
import { stepPeakBytes } from '../autodiff/training-graph.js';
import { TrainingStep } from '../autodiff/training-step.js';
import { runOverhead } from '../effort/memory-plan.js';
import type { MicroBatches } from '../effort/micro-batches.js';
import { type Boundary, ownMap, ownShape } from './boundary.js';
import { buildDecoder, buildEncoder, type ChannelStatistics } from './codec-graph.js';
import { answerError, codeBits, scaledError } from './codec-loss.js';

/** How the parts of the loss are weighed. */
export interface CodecLossOptions {
  /** Of the squared errors, each channel divided by its variance. */
  errorWeight: number;
  /** Of a thousand bits, at a step of 1. */
  rateWeight: number;
  temperature: number;
}

/** The frozen stages beyond a boundary, for their gradients. */
export interface FrozenTail {
  models: readonly onnx.ModelProto[];
  /** Of the next boundary's channels; `null` beyond the last boundary. */
  next: ChannelStatistics | null;
}

/** The inputs of a step. */
export interface CodecFeeds {
  /** batch × the activation's shape, carried rows included. */
  activation: Float32Array;
  /** Uniform in ±½, batch × code. */
  noise: Float32Array;
  /** Of the quantiser, in the code's units. */
  step: number;
  /** Of the answer's error, which only a step with a tail has. */
  answerWeight: number;
  /** What the frozen stages make of the activation; `null` for a step without a tail. */
  tail: { next: Float32Array | null; probabilities: Float32Array } | null;
}

export interface CodecStepOptions {
  parts: MicroBatches;
  seed: number;
  loss: CodecLossOptions;
  threads: number;
}

/** Of a batch, before the update. */
export interface CodecStepResult {
  loss: number;
  /** Per sample. */
  bits: number;
  /** Squared error at the boundary, as a share of the channels' variance. */
  error: number;
}

/** One step of a codec's training: without a tail by the boundary's squared error, with one also by what follows. */
export class CodecStep {
  private constructor(
    readonly training: TrainingStep,
    private readonly tail: FrozenTail | null,
  ) {}

  /** @throws OfframpError `TENSOR_INVALID` for a tail through which no gradient passes */
  static async compile(
    boundary: Boundary,
    statistics: ChannelStatistics,
    tail: FrozenTail | null,
    { parts, loss, seed, threads }: CodecStepOptions,
  ): Promise<CodecStep> {
    const { graph, total, outputs } = lossGraph(boundary, statistics, tail, { batch: parts.size, loss });
    const training = await TrainingStep.compile(graph, total, {
      ...{ seed, threads, outputs, optimizer: { maxNorm: 1 }, microBatches: parts.count },
    });
    return new CodecStep(training, tail);
  }

  async run(feeds: CodecFeeds, learningRate: number): Promise<CodecStepResult> {
    const { loss, outputs } = await this.training.step(
      {
        activation: feeds.activation,
        noise: feeds.noise,
        step: Float32Array.of(feeds.step),
        ...(this.tail && feeds.tail
          ? {
              answer: feeds.tail.probabilities,
              answer_weight: Float32Array.of(feeds.answerWeight),
              ...(this.tail.next && feeds.tail.next ? { next: feeds.tail.next } : {}),
            }
          : {}),
      },
      learningRate,
    );
    return { loss, bits: outputs.bits?.[0] ?? 0, error: outputs.error?.[0] ?? 0 };
  }
}

/**
 * What a step with this many samples takes, in bytes.
 * @throws OfframpError `TENSOR_INVALID` for a tail through which no gradient passes
 */
export function codecStepBytes(
  boundary: Boundary,
  statistics: ChannelStatistics,
  tail: FrozenTail | null,
  options: { batch: number; loss: CodecLossOptions },
): number {
  const { graph, total, outputs } = lossGraph(boundary, statistics, tail, options);
  return runOverhead * stepPeakBytes(graph, total, { outputs });
}

function lossGraph(
  boundary: Boundary,
  statistics: ChannelStatistics,
  tail: FrozenTail | null,
  { batch, loss }: { batch: number; loss: CodecLossOptions },
) {
  const { design } = boundary;
  const g = new GraphBuilder();
  const { target, complete } = targetOf(g, boundary, batch);
  const step = g.input('step', [1, 1, 1, 1]);
  const noise = g.input('noise', [batch, design.code.channels, ...design.code.sides]);
  const code = g.add(buildEncoder(g, target, design, statistics), g.mul(noise, step));
  const restored = buildDecoder(g, code, design, statistics);
  const bits = codeBits(g, code, step, design);
  const shape = { shape: design.shape, channelsLast: design.map.channelsLast };
  const error = scaledError(g, restored, target, inverseVariance(g, statistics, shape));
  // The error of a uniform quantiser grows as the square of its step, so a thousand bits are worth as much more.
  const rate = g.mul(g.mul(bits, loss.rateWeight / 1000), g.reshape(g.mul(step, step), [1]));
  const beyond = tail ? tailLosses(g, boundary, tail, complete(restored), loss) : [];
  const losses = [rate, g.mul(error, loss.errorWeight), ...beyond];
  return {
    graph: g,
    total: g.mean(losses.reduce((sum, each) => g.add(sum, each))),
    outputs: { bits: g.reshape(g.mean(bits), [1]), error: g.reshape(g.mean(error), [1]) },
  };
}

/** The activation without carried rows, and how to put them back. */
function targetOf(g: GraphBuilder, { bundle, stage, design, carried }: Boundary, batch: number) {
  const shape = bundle.manifest.stages[stage]?.inputShape ?? [];
  const activation = g.input('activation', [batch, ...shape]);
  if (carried === 0) return { target: activation, complete: (restored: Tensor) => restored };
  const own = design.shape[0] as number;
  const rows = g.slice(activation, 1, own, shape[0] as number);
  return {
    target: g.slice(activation, 1, 0, own),
    complete: (restored: Tensor) => g.concat([restored, rows], 1),
  };
}

/** Per sample: the final answer's error, and the squared error at the next boundary. */
function tailLosses(
  g: GraphBuilder,
  { bundle, stage }: Boundary,
  { models, next }: FrozenTail,
  restored: Tensor,
  { temperature, errorWeight }: CodecLossOptions,
): Tensor[] {
  const last = models.length - 1;
  const outputs: Tensor[] = [];
  models.forEach((model, i) => {
    const output = i === last ? stageTensors.probabilities : stageTensors.activation;
    outputs.push(importGraph(model, outputs.at(-1) ?? restored, output));
  });
  const batch = restored.shape[0] as number;
  const answer = g.input('answer', [batch, bundle.manifest.labels.length]);
  const weight = g.input('answer_weight', [1]);
  const losses = [g.mul(answerError(g, outputs[last] as Tensor, answer, temperature), weight)];
  if (!next) return losses;
  const shape = ownShape(bundle, stage + 1);
  const found = outputs[0] as Tensor;
  const rows = shape[0] as number;
  const own = found.shape[1] === rows ? found : g.slice(found, 1, 0, rows);
  const channelsLast = ownMap(bundle, stage + 1)?.channelsLast ?? false;
  const variance = inverseVariance(g, next, { shape, channelsLast });
  const error = scaledError(g, own, g.input('next', [batch, ...shape]), variance);
  return [...losses, g.mul(error, errorWeight)];
}

/** Broadcasts to tensors of the shape. */
function inverseVariance(
  g: GraphBuilder,
  { deviation }: ChannelStatistics,
  { shape, channelsLast }: { shape: readonly number[]; channelsLast: boolean },
): Tensor {
  const values = deviation.map((each) => 1 / (each * each));
  const after = channelsLast ? [] : shape.slice(1).map(() => 1);
  return g.constant(values, [values.length, ...after]);
}
