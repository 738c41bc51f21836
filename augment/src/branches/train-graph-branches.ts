import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { elementsOf } from '@offramp/bundle';
import { exportForward } from '../autodiff/export-forward.js';
import { stepPeakBytes } from '../autodiff/training-graph.js';
import { TrainingStep } from '../autodiff/training-step.js';
import type { TrainingFacts } from '../checkpoint/checkpoint-file.js';
import { runOverhead } from '../effort/memory-plan.js';
import { divideBatch, type MicroBatches } from '../effort/micro-batches.js';
import type { CutPoint } from '../onnx/profile.js';
import type { Augmentation } from '../pictures/augmentation.js';
import { FittedPictures } from '../pictures/fitted-pictures.js';
import { epochBatches } from '../pictures/picture-batches.js';
import { throwIfInterrupted } from '../support/interruption.js';
import { type BackboneRunner, openBackbone } from './backbone-runner.js';
import {
  activationInput,
  buildBranches,
  logitsOutput,
  parameterCount,
  previousInput,
} from './branch-graph.js';
import type { BranchTrainer, TrainingTask } from './branch-trainer.js';
import type { ExitAnswers } from './exit-answers.js';
import { type ClassTrainedBranch, finishBranches } from './finish-branch.js';
import { branchLoss, type LossOptions } from './losses.js';
import { runHeldOut } from './run-held-out.js';
import { expectSeveralClasses } from './several-classes.js';
import { TrainingNote } from './training-note.js';

export interface GraphTrainingOptions {
  loss: LossOptions;
  batchSize: number;
  /** The peak: the rate rises linearly for the first tenth of the steps, then falls to 0 along half a cosine. */
  learningRate: number;
  /** Decoupled from the gradient, as in AdamW. */
  weightDecay: number;
  /** The confidence head: fitted on held-out pictures, or trained together with the class head. */
  confidence: 'held-out' | 'joint';
  augmentation: Augmentation;
}

/**
 * Trains branches of any body, all together, by gradients that ONNX Runtime computes. The frozen backbone
 * runs along, batch by batch. Activations are not kept, so memory does not grow with the data.
 */
export function trainGraphBranches(options: GraphTrainingOptions): BranchTrainer {
  return async (task) => {
    const branches = buildBranches(task, { batch: 1, connection: 'input', scored: scoredBy(options) });
    const cutPoints = task.designs.map(({ cutPoint }) => cutPoint);
    const { backboneBatch } = task.memory;
    const backbone = await openBackbone(task.backbone, backboneBatch, cutPoints, (_, names) =>
      names.map((name, i) => ({ name, shape: (cutPoints[i] as CutPoint).shape })),
    );
    try {
      const values = await train(task, options, backbone);
      const { answers, scores, labels } = await runHeldOut(task, branches, backbone, values);
      const trained = branches.parts.map((part, i): ClassTrainedBranch => {
        const { design } = part;
        return {
          design,
          body: design.body,
          macs: part.macs,
          parameters: parameterCount(branches.graph, part.name),
          addLogits(editor, tensor, previous) {
            const logits = editor.uniqueName('branch_logits');
            const score = editor.uniqueName('branch_score');
            const joint = options.confidence === 'joint';
            exportForward(editor, {
              graph: branches.graph,
              outputs: { [logits]: part.logits, ...(joint ? { [score]: part.confidence } : {}) },
              values,
              inputs: {
                [activationInput(i)]: tensor,
                ...(previous === null ? {} : { [previousInput(i)]: previous }),
              },
            });
            return { logits, score: joint ? score : null };
          },
          heldOut: answers[i] as ExitAnswers,
          scores: options.confidence === 'joint' ? (scores[i] as Float32Array) : null,
        };
      });
      return { branches: await finishBranches(task, trained, labels), heldOutLabels: labels };
    } finally {
      await backbone.close();
    }
  };
}

/** A score that is trained on the pictures that its class head learns needs to see how sure that is. */
const scoredBy = ({ confidence }: GraphTrainingOptions) => (confidence === 'joint' ? 'answer' : 'features');

const warmUpInput = 'warm_up';
/** Share of the steps in which the joint losses train class heads alone. */
const warmUpShare = 0.5;

/** @returns the trained parameters and running statistics */
async function train(
  task: TrainingTask,
  options: GraphTrainingOptions,
  backbone: BackboneRunner,
): Promise<ReadonlyMap<string, Float32Array>> {
  const perEpoch = Math.min(task.picturesPerEpoch, task.training.size);
  const parts = divideBatch(Math.min(options.batchSize, perEpoch), task.memory.step, (size) =>
    stepBytes(task, options, size),
  );
  const { graph, loss, outputs } = lossGraph(task, options, parts);
  // Batch norms need full batches, so the remainder of an epoch is left out; it has different pictures each time.
  const stepsPerEpoch = Math.floor(perEpoch / (parts.count * parts.size));
  const totalSteps = stepsPerEpoch * task.epochs;
  const step = await TrainingStep.compile(graph, loss, {
    seed: task.seed,
    optimizer: { weightDecay: options.weightDecay },
    outputs,
    microBatches: parts.count,
  });
  try {
    const saved = await task.checkpoint?.begin(trainingFacts(options, parts));
    if (saved) step.load(saved);
    if (task.epochs > 0) task.progress.step('training the branches', totalSteps, step.stepCount);
    const pictures = new FittedPictures(task.training, task.input, task.memory.pictures);
    const indices = Array.from({ length: task.training.size }, (_, i) => i);
    const note = new TrainingNote(task.designs.length);
    const answers = new Set<number>();
    const firstWholeEpoch = Math.ceil(step.stepCount / stepsPerEpoch);
    // A step depends only on its number, so that a resumed training takes the same steps.
    for (let epoch = Math.floor(step.stepCount / stepsPerEpoch); epoch < task.epochs; epoch++) {
      const { seed } = task;
      const { augmentation } = options;
      const firstBatch = (step.stepCount % stepsPerEpoch) * parts.count;
      const order = { seed, epoch, augmentation, batchSize: parts.size, firstBatch };
      for await (const batch of epochBatches(pictures, indices, order)) {
        if (step.stepCount === (epoch + 1) * stepsPerEpoch) break;
        const { stepCount } = step;
        const { output, labels, tensors } = await backbone.run(batch.input, parts.size);
        const targets = Int32Array.from(
          labels,
          (label, row) => task.targets?.[batch.indices[row] as number] ?? label,
        );
        const activations = tensors.map((tensor, i) => [activationInput(i), tensor] as const);
        const feeds = {
          ...{ teacher: output, target: targets, ...Object.fromEntries(activations) },
          ...(isJoint(options) && {
            [warmUpInput]: Float32Array.of(stepCount < warmUpShare * totalSteps ? 1 : 0),
          }),
        };
        const rate = learningRateAt(stepCount / totalSteps) * options.learningRate;
        const { loss, outputs } = await step.step(feeds, rate);
        note.add(
          loss,
          task.designs.map((_, i) => outputs[logitsOutput(i)] as Float32Array),
          labels,
        );
        for (const label of labels) answers.add(label);
        await eventLoopTurn();
        // Within a step there is no state to continue from.
        if (step.stepCount === stepCount) continue;
        task.progress.advance(1, String(note));
        if (task.signal?.aborted) task.checkpoint?.keep(step.save());
        throwIfInterrupted(task.signal);
        await task.checkpoint?.offer(() => step.save());
      }
      if (epoch === firstWholeEpoch) expectSeveralClasses(task, answers);
    }
    task.checkpoint?.keep(step.save());
    return step.parameters();
  } finally {
    await step.close();
  }
}

const isJoint = ({ loss }: GraphTrainingOptions) => loss.kind !== 'separate';

/** What a micro-batch of training computes. */
function lossGraph(task: TrainingTask, options: GraphTrainingOptions, { count, size }: MicroBatches) {
  const { graph: g, parts } = buildBranches(task, {
    ...{ batch: size, microBatches: count },
    connection: 'inside',
    scored: scoredBy(options),
  });
  const { classes, kind } = task.backbone.output;
  const teacher = g.input('teacher', [size, classes]);
  const target = g.integerInput('target', [size]);
  const branchCost = parts.reduce((sum, { macs }) => sum + macs, 0) / task.backbone.macs;
  const warmUp = isJoint(options) ? g.input(warmUpInput, [1, 1]) : g.filled(0, [1, 1]);
  const loss = branchLoss(
    g,
    parts,
    {
      logits: kind === 'logits' ? teacher : g.log(g.clip(teacher, 1e-9, 1)),
      target,
      cost: 1 + branchCost,
    },
    options.loss,
    warmUp,
  );
  const outputs = Object.fromEntries(parts.map(({ logits }, i) => [logitsOutput(i), logits]));
  return { graph: g, loss, outputs };
}

/** Pictures of a micro-batch in memory: the ones that train, the next, and those that wait for the garbage collector. */
const pictureCopies = 4;

/** What a micro-batch takes: pictures, activations and the step itself. */
function stepBytes(task: TrainingTask, options: GraphTrainingOptions, size: number): number {
  const { graph, loss, outputs } = lossGraph(task, options, { count: 1, size });
  const places = new Set(task.designs.map(({ cutPoint }) => cutPoint));
  const given = [...places].reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  const values = size * (given + pictureCopies * elementsOf(task.input.shape));
  return 4 * values + runOverhead * stepPeakBytes(graph, loss, { outputs });
}

function trainingFacts(
  { loss, augmentation, ...others }: GraphTrainingOptions,
  { count }: MicroBatches,
): TrainingFacts {
  const { kind, ...weights } = loss;
  const parts = count > 1 ? { 'micro-batches (--memory)': count } : {};
  return { trainer: 'graph', loss: kind, ...weights, ...augmentation, ...others, ...parts };
}

function learningRateAt(progress: number): number {
  const warmUp = 0.1;
  return progress < warmUp
    ? (progress + 0.002) / warmUp
    : 0.5 * (1 + Math.cos((Math.PI * (progress - warmUp)) / (1 - warmUp)));
}
