import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { elementsOf } from '@offramp/shared';
import type { Augmentation } from '../augmentation.js';
import { exportForward } from '../autodiff/export-forward.js';
import { ForwardSession } from '../autodiff/forward-session.js';
import { GraphBuilder } from '../autodiff/graph-builder.js';
import { lecunNormal, ones } from '../autodiff/initialise.js';
import type { Tensor } from '../autodiff/tensor.js';
import { TrainingStep } from '../autodiff/training-step.js';
import type { TrainingFacts } from '../checkpoint/checkpoint-file.js';
import { FittedPictures } from '../fitted-pictures.js';
import { throwIfInterrupted } from '../interruption.js';
import type { GraphEditor } from '../onnx/graph-editor.js';
import { epochBatches } from '../picture-batches.js';
import { type Matrix, matrixOf } from '../training/matrix.js';
import { type BackboneRunner, openBackbone } from './backbone-runner.js';
import { buildBody } from './body.js';
import type { BranchDesign, BranchTrainer, TrainingTask } from './branch-trainer.js';
import { type ClassTrainedBranch, finishBranches } from './finish-branch.js';
import { branchLoss, type LossOptions } from './losses.js';
import { expectSeveralClasses } from './several-classes.js';
import { TrainingNote } from './training-note.js';

export interface GraphTrainingOptions {
  loss: LossOptions;
  batchSize: number;
  /** At its highest: it rises along a line for the first tenth of the steps, then falls to 0 along half a cosine. */
  learningRate: number;
  /** Decoupled from the gradient, as in AdamW. */
  weightDecay: number;
  /** Where confidence comes from: a head fitted on held-out pictures, or the one trained along with the class head. */
  confidence: 'held-out' | 'joint';
  augmentation: Augmentation;
}

/** Probabilities below this say no more to the next branch. */
const reusedFloor = Math.exp(-10);
/** Brings their logarithms to about the scale of normalised features. */
const reusedScale = 0.2;

/**
 * Trains branches of any body, all together, by gradients that ONNX Runtime computes. The frozen backbone
 * runs beside them, batch by batch; nothing of it is kept, so memory does not grow with the data.
 */
export function trainGraphBranches(options: GraphTrainingOptions): BranchTrainer {
  return async (task) => {
    const branches = buildBranches(task, options.batchSize, 'apart');
    const backbone = await openBackbone(task.backbone, (editor) => watchCutPoints(editor, task.designs));
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
          heldOut: answers[i] as Matrix,
          joint:
            options.confidence === 'joint'
              ? { head: { kind: 'joint' }, confidence: sigmoid((scores[i] as Matrix).values) }
              : null,
        };
      });
      return { branches: await finishBranches(task, trained, labels), heldOutLabels: labels };
    } finally {
      await backbone.close();
    }
  };
}

interface BranchPart {
  name: string;
  design: BranchDesign;
  logits: Tensor;
  confidence: Tensor;
  macs: number;
  /** Share of the backbone's cost up to this exit, branches included. */
  cost: number;
}

interface BranchGraph {
  graph: GraphBuilder;
  parts: BranchPart[];
}

const activationInput = (branch: number) => `activation${branch}`;
const logitsOutput = (branch: number) => `logits${branch}`;
const previousInput = (branch: number) => `previous${branch}`;

/**
 * The forward graph of all branches.
 * @param connection how a branch that reuses gets what the exit before answers: `inside` the graph, for
 *   training, or `apart`, as an input, the way it comes in a deployed stage. Parameters are the same.
 */
function buildBranches(task: TrainingTask, batch: number, connection: 'inside' | 'apart'): BranchGraph {
  const g = new GraphBuilder();
  const { classes } = task.backbone.output;
  let branchMacs = 0;
  let before: Tensor | null = null;
  const parts = task.designs.map((design, i): BranchPart => {
    const name = `branch${i}`;
    const x = g.input(activationInput(i), [batch, ...design.cutPoint.shape]);
    const body = buildBody(g, x, design.body, name);
    const previous =
      connection === 'inside' && before
        ? before
        : design.reuse !== 'none'
          ? g.input(previousInput(i), [batch, classes])
          : null;
    const seen =
      design.reuse === 'linear' && previous
        ? g.concat([body.features, g.mul(logarithm(g, previous), reusedScale)], 1)
        : body.features;
    const width = seen.shape[1] as number;
    const own = g.linear(
      seen,
      g.parameter(`${name}.class.weights`, [width, classes], lecunNormal),
      g.parameter(`${name}.class.bias`, [classes]),
    );
    const logits =
      design.reuse === 'geometric' && previous
        ? g.add(own, g.mul(logarithm(g, previous), g.parameter(`${name}.exponent`, [1], ones)))
        : own;
    const confidence = g.linear(
      seen,
      g.parameter(`${name}.confidence.weights`, [width, 1], lecunNormal),
      g.parameter(`${name}.confidence.bias`, [1]),
    );
    const macs = body.macs + width * (classes + 1);
    branchMacs += macs;
    before = g.stopGradient(g.softmax(logits));
    return {
      name,
      design,
      logits,
      confidence,
      macs,
      cost: (design.cutPoint.cumulativeMacs + branchMacs) / task.backbone.macs,
    };
  });
  return { graph: g, parts };
}

function logarithm(g: GraphBuilder, probabilities: Tensor): Tensor {
  return g.log(g.clip(probabilities, reusedFloor, 1));
}

function watchCutPoints(editor: GraphEditor, designs: readonly BranchDesign[]): string[] {
  const cutPoints = new Map(designs.map(({ cutPoint }) => [cutPoint.tensor, cutPoint.shape]));
  for (const [tensor, shape] of cutPoints) editor.addOutput(tensor, shape);
  return designs.map(({ cutPoint }) => cutPoint.tensor);
}

/** @returns the trained parameters and running statistics */
async function train(
  task: TrainingTask,
  options: GraphTrainingOptions,
  backbone: BackboneRunner,
): Promise<ReadonlyMap<string, Float32Array>> {
  const batchSize = Math.min(options.batchSize, task.training.size);
  const { graph: g, parts } = buildBranches(task, batchSize, 'inside');
  const { classes, kind } = task.backbone.output;
  const teacher = g.input('teacher', [batchSize, classes]);
  const target = g.integerInput('target', [batchSize]);
  const branchCost = parts.reduce((sum, { macs }) => sum + macs, 0) / task.backbone.macs;
  const loss = branchLoss(
    g,
    parts,
    {
      logits: kind === 'logits' ? teacher : g.log(g.clip(teacher, 1e-9, 1)),
      target,
      cost: 1 + branchCost,
    },
    options.loss,
  );
  // Batch norms want full batches: what is left over at the end of an epoch is left out, others each time.
  const stepsPerEpoch = Math.floor(task.training.size / batchSize);
  const totalSteps = stepsPerEpoch * task.epochs;
  const step = await TrainingStep.compile(g, loss, {
    seed: task.seed,
    optimizer: { weightDecay: options.weightDecay },
    outputs: Object.fromEntries(parts.map(({ logits }, i) => [logitsOutput(i), logits])),
  });
  try {
    const saved = await task.checkpoint?.begin(trainingFacts(options));
    if (saved) step.load(saved);
    if (task.epochs > 0) task.progress.step('training the branches', totalSteps, step.stepCount);
    const pictures = new FittedPictures(task.training, task.input);
    const indices = Array.from({ length: task.training.size }, (_, i) => i);
    const note = new TrainingNote(parts.length);
    const answers = new Set<number>();
    const firstWholeEpoch = Math.ceil(step.stepCount / stepsPerEpoch);
    // All that a step depends on follows from its number, so that a training goes on as if it had never stopped.
    for (let epoch = Math.floor(step.stepCount / stepsPerEpoch); epoch < task.epochs; epoch++) {
      const { seed } = task;
      const { augmentation } = options;
      const firstBatch = step.stepCount % stepsPerEpoch;
      const order = { seed, epoch, augmentation, batchSize, firstBatch };
      for await (const batch of epochBatches(pictures, indices, order)) {
        if (batch.indices.length < batchSize) break;
        const { output, labels, tensors } = await backbone.run(batch.input, batchSize);
        const targets = Int32Array.from(
          labels,
          (label, row) => task.targets?.[batch.indices[row] as number] ?? label,
        );
        const feeds: Record<string, Float32Array | Int32Array> = { teacher: output, target: targets };
        tensors.forEach((tensor, i) => {
          feeds[activationInput(i)] = tensor;
        });
        const rate = learningRateAt(step.stepCount / totalSteps) * options.learningRate;
        const { loss, outputs } = await step.step(feeds, rate);
        note.add(
          loss,
          parts.map((_, i) => outputs[logitsOutput(i)] as Float32Array),
          labels,
        );
        for (const label of labels) answers.add(label);
        task.progress.advance(1, String(note));
        await eventLoopTurn();
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

function trainingFacts({ loss, augmentation, ...others }: GraphTrainingOptions): TrainingFacts {
  const { kind, ...weights } = loss;
  return { trainer: 'graph', loss: kind, ...weights, ...augmentation, ...others };
}

function learningRateAt(progress: number): number {
  const warmUp = 0.1;
  return progress < warmUp
    ? (progress + 0.002) / warmUp
    : 0.5 * (1 + Math.cos((Math.PI * (progress - warmUp)) / (1 - warmUp)));
}

async function runHeldOut(
  task: TrainingTask,
  { graph, parts }: BranchGraph,
  backbone: BackboneRunner,
  values: ReadonlyMap<string, Float32Array>,
) {
  const rows = task.heldOut.size;
  const { classes } = task.backbone.output;
  const answers = parts.map(() => matrixOf(rows, classes));
  const scores = parts.map(() => matrixOf(rows, 1));
  const labels = new Uint16Array(rows);
  const sessions = await Promise.all(
    parts.map(({ logits, confidence }) =>
      ForwardSession.open(graph, {
        outputs: { probabilities: graph.softmax(logits), confidence },
        values,
      }),
    ),
  );
  task.progress.step('running held-out pictures', rows);
  try {
    for await (const batch of backbone.over(task.heldOut, task.input)) {
      const count = batch.labels.length;
      labels.set(batch.labels, batch.start);
      let previous: Float32Array | null = null;
      for (const [i, session] of sessions.entries()) {
        const outputs: Record<string, Float32Array> = await session.run(
          {
            [activationInput(i)]: batch.tensors[i] as Float32Array,
            ...(previous ? { [previousInput(i)]: previous } : {}),
          },
          count,
        );
        previous = outputs.probabilities as Float32Array;
        answers[i]?.values.set(previous, batch.start * classes);
        scores[i]?.values.set(outputs.confidence as Float32Array, batch.start);
      }
      task.progress.advance(count);
      throwIfInterrupted(task.signal);
    }
  } finally {
    await Promise.all(sessions.map((session) => session.close()));
  }
  return { answers, scores, labels };
}

function parameterCount(g: GraphBuilder, name: string): number {
  return [...g.parameters.values()]
    .filter((parameter) => parameter.name.startsWith(`${name}.`))
    .reduce((sum, { tensor }) => sum + elementsOf(tensor.shape), 0);
}

function sigmoid(scores: Float32Array): Float32Array {
  return scores.map((score) => 1 / (1 + Math.exp(-score)));
}
