import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { type Bundle, InferencePool, stageTensors } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import { isOfframpError } from '@offramp/runtime';
import type { ProgressListener } from '../branches/branch-trainer.js';
import type { TrainingCheckpoint } from '../checkpoint/training-checkpoint.js';
import type { MemoryPlan } from '../effort/memory-plan.js';
import { divideBatch, type MicroBatches } from '../effort/micro-batches.js';
import { foldConstants } from '../onnx/fold-constants.js';
import { decodeModel } from '../onnx/read-model.js';
import type { Augmentation } from '../pictures/augmentation.js';
import { FittedPictures } from '../pictures/fitted-pictures.js';
import { epochBatches, type PictureBatch } from '../pictures/picture-batches.js';
import { throwIfInterrupted } from '../support/interruption.js';
import { combineSeeds } from '../support/random.js';
import { type Boundary, runTail, runTo } from './boundary.js';
import { type BoundarySamples, drawSamples, measureBoundary } from './boundary-samples.js';
import { codeElements } from './codec-design.js';
import { type CodecFeeds, CodecStep, codecStepBytes, type FrozenTail } from './codec-step.js';
import type { CodecParameters } from './export-codec.js';
import { uniformNumbers } from './uniform-numbers.js';

export type CodecMemory = Pick<MemoryPlan, 'backboneBatch' | 'step' | 'pictures'>;

export interface CodecTrainingOptions {
  /** Samples seen in all, drawn by their chance of being offloaded. */
  drawn: number;
  seed: number;
  augmentation: Augmentation;
  progress: ProgressListener;
  signal?: AbortSignal | undefined;
  /** How it keeps to a limit of memory. Default: it has none. */
  memory?: CodecMemory;
  /** Begun with the facts of this training. */
  checkpoint?: TrainingCheckpoint;
}

/** A trained codec, for all steps of its quantiser. */
export interface TrainedCodec {
  boundary: Boundary;
  parameters: CodecParameters;
  samples: BoundarySamples;
}

/** Steps of the quantiser that a training takes turns with, in the code's units: one network serves them all. */
export const trainedSteps = [2.8, 2, 1.4, 1, 0.7];

const batchSize = 64;
const learningRate = 1.5e-3;
const loss = { errorWeight: 10, rateWeight: 0.03, temperature: 2 };
/** Share of the steps that learn from the squared error alone: the answer's gradient undoes a decoder that is new. */
const restoringShare = 0.3;
/** Of the answer's error, from then on, and in the last part. */
const answerWeights = { early: 0.1, late: 0.5, lateFrom: 0.7 };
/** Steps between new draws of samples. */
const stepsPerDraw = 50;

/**
 * Trains encoder and decoder of a boundary on the frozen stages around it: first by what the activation loses, then
 * also by what the next boundary and the final answer lose. Where the stages have an operator without gradient, by
 * what the activation loses alone.
 * @throws OfframpError `TRAINING_FAILED`, `INTERRUPTED`, `IMAGE_INVALID`, `DATA_INVALID`, `INFERENCE_FAILED`
 */
export async function trainCodec(
  boundary: Boundary,
  dataset: Dataset,
  options: CodecTrainingOptions,
): Promise<TrainedCodec> {
  const { bundle } = boundary;
  const pictures = new FittedPictures(dataset, bundle.manifest.input, options.memory?.pictures);
  const pool = await InferencePool.create(bundle);
  try {
    const samples = await measureBoundary(boundary, pool, pictures, options);
    const plan = await planSteps(boundary, samples, Math.min(batchSize, dataset.size), options);
    const values = await new CodecTraining(boundary, samples, pictures, pool, plan, options).run();
    return { boundary, samples, parameters: { statistics: samples.statistics, values } };
  } finally {
    await pool.close();
  }
}

interface PreparedBatch {
  activation: Float32Array;
  tail: CodecFeeds['tail'];
}

/** How a training's steps are taken. */
interface StepPlan {
  parts: MicroBatches;
  /** `null` where no gradient passes through the stages beyond, or memory is too small for it. */
  tail: FrozenTail | null;
}

async function planSteps(
  boundary: Boundary,
  { statistics, next }: BoundarySamples,
  batch: number,
  { memory }: CodecTrainingOptions,
): Promise<StepPlan> {
  const limit = memory?.step ?? Number.POSITIVE_INFINITY;
  const divided = (tail: FrozenTail | null): StepPlan => ({
    tail,
    parts: divideBatch(Math.min(batch, memory?.backboneBatch ?? batch), limit, (size) =>
      codecStepBytes(boundary, statistics, tail, { batch: size, loss }),
    ),
  });
  const models = await tailModels(boundary.bundle, boundary.stage);
  try {
    return divided({ models, next });
  } catch (error) {
    if (isOfframpError(error) && ['TENSOR_INVALID', 'CONFIG_INVALID'].includes(error.code))
      return divided(null);
    throw error;
  }
}

class CodecTraining {
  /** Samples of a step. */
  private readonly batch: number;
  private readonly total: number;

  constructor(
    private readonly boundary: Boundary,
    private readonly samples: BoundarySamples,
    private readonly pictures: FittedPictures,
    private readonly pool: InferencePool,
    private readonly plan: StepPlan,
    private readonly options: CodecTrainingOptions,
  ) {
    this.batch = plan.parts.count * plan.parts.size;
    this.total = Math.max(1, Math.ceil(options.drawn / this.batch));
  }

  async run(): Promise<ReadonlyMap<string, Float32Array>> {
    const { progress, checkpoint } = this.options;
    const { tail, parts } = this.plan;
    const restoring = await this.compile(null);
    const answering = tail ? await this.compile(tail) : restoring;
    try {
      let step = this.stepAt(0, restoring, answering);
      const saved = await checkpoint?.begin({});
      if (saved) {
        restoring.training.load(saved);
        answering.training.load(saved);
        step = this.stepAt(restoring.training.stepCount, restoring, answering);
      }
      progress.step('training the codec', this.total, step.training.stepCount);
      let part = 0;
      for await (const prepared of this.batches(step.training.stepCount)) {
        const at = step.training.stepCount;
        const due = this.stepAt(at, restoring, answering);
        if (due !== step) due.training.load(step.training.save());
        step = due;
        const { bits, error } = await step.run(this.feeds(at, part, prepared), this.rateAt(at));
        part = (part + 1) % parts.count;
        if (part > 0) continue;
        progress.advance(1, `${Math.round(bits / 8)} bytes, error ${error.toFixed(3)}`);
        await this.pause(step);
      }
      checkpoint?.keep(step.training.save());
      return step.training.parameters();
    } finally {
      await restoring.training.close();
      if (tail) await answering.training.close();
    }
  }

  private stepAt(step: number, restoring: CodecStep, answering: CodecStep): CodecStep {
    return step < restoringShare * this.total ? restoring : answering;
  }

  private compile(tail: FrozenTail | null): Promise<CodecStep> {
    const { parts } = this.plan;
    const options = { parts, seed: this.options.seed, loss, threads: 0 };
    return CodecStep.compile(this.boundary, this.samples.statistics, tail, options);
  }

  private feeds(at: number, part: number, { activation, tail }: PreparedBatch): CodecFeeds {
    const { seed } = this.options;
    const count = this.plan.parts.size * codeElements(this.boundary.design);
    const { early, late, lateFrom } = answerWeights;
    return {
      ...{ activation, tail },
      noise: uniformNumbers(count, combineSeeds(seed, at, part, 1)).map((value) => value - 0.5),
      step: trainedSteps[at % trainedSteps.length] as number,
      answerWeight: at < lateFrom * this.total ? early : late,
    };
  }

  /** A short rise, then half a cosine. */
  private rateAt(at: number): number {
    const warmUp = 0.1;
    const progress = at / this.total;
    const share =
      progress < warmUp
        ? (progress + 1 / this.total) / warmUp
        : 0.5 * (1 + Math.cos((Math.PI * (progress - warmUp)) / (1 - warmUp)));
    return learningRate * Math.min(1, share);
  }

  private async pause(step: CodecStep): Promise<void> {
    const { signal, checkpoint } = this.options;
    await eventLoopTurn();
    if (signal?.aborted) checkpoint?.keep(step.training.save());
    throwIfInterrupted(signal);
    await checkpoint?.offer(() => step.training.save());
  }

  /** The batches of all steps from `first` on; what a step gets follows from its number. */
  private async *batches(first: number): AsyncGenerator<PreparedBatch> {
    const { parts, tail } = this.plan;
    let at = first * parts.count;
    let next: Promise<PreparedBatch> | null = null;
    for await (const pictures of this.drawn(first)) {
      const withTail = tail !== null && Math.floor(at / parts.count) >= restoringShare * this.total;
      const prepared = this.prepare(pictures, withTail);
      // An error is reported when the batch is awaited.
      prepared.catch(() => undefined);
      if (next) yield await next;
      next = prepared;
      at++;
    }
    if (next) yield await next;
  }

  private async *drawn(first: number): AsyncGenerator<PictureBatch> {
    const { seed, augmentation } = this.options;
    const { parts } = this.plan;
    for (let draw = Math.floor(first / stepsPerDraw); draw * stepsPerDraw < this.total; draw++) {
      const steps = Math.min(stepsPerDraw, this.total - draw * stepsPerDraw);
      const indices = drawSamples(this.samples.chances, steps * this.batch, seed, draw, 2);
      const firstBatch = parts.count * Math.max(0, first - draw * stepsPerDraw);
      const order = { seed, epoch: draw, augmentation, batchSize: parts.size, firstBatch };
      yield* epochBatches(this.pictures, indices, order);
    }
  }

  private async prepare({ input, indices }: PictureBatch, withTail: boolean): Promise<PreparedBatch> {
    const batch = indices.length;
    const { activation } = await runTo(this.boundary, this.pool, input, batch);
    return { activation, tail: withTail ? await runTail(this.boundary, this.pool, activation, batch) : null };
  }
}

/** The stages from one on, each up to the tensor that the next one reads. */
async function tailModels(bundle: Bundle, stage: number) {
  const models = [];
  const files = await bundle.readStages(stage);
  for (const [i, bytes] of files.entries()) {
    const output = i === files.length - 1 ? stageTensors.probabilities : stageTensors.activation;
    models.push(await foldConstants(decodeModel(bytes, `stage ${stage + i}`), output));
  }
  return models;
}
