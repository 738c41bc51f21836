import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { subsetOf } from '@offramp/data';
import { OfframpError } from '@offramp/runtime';
import { throwIfInterrupted } from '../support/interruption.js';
import { seededPermutation } from '../support/random.js';
import {
  applyLinearClassifier,
  type LinearClassifier,
  trainLinearClassifier,
} from '../training/linear-classifier.js';
import { type Matrix, matrixOf, rowsOf } from '../training/matrix.js';
import { openBackbone } from './backbone-runner.js';
import type { BranchTrainer, TrainingTask } from './branch-trainer.js';
import { ExitAnswers } from './exit-answers.js';
import { type ClassTrainedBranch, finishBranches } from './finish-branch.js';
import { addClassHead } from './heads.js';
import { addPoolBody, poolGeometry } from './pool-body.js';
import { expectSeveralClasses } from './several-classes.js';

const classHead = { batchSize: 128, learningRate: 2e-3, l2: 1e-4 };

/**
 * Trains branches with the body `pool` and without reuse: linear heads on pooled activations. The frozen
 * backbone runs once over the pictures; its pooled activations stay in memory (4 bytes × features of all
 * branches × pictures). The class head learns the backbone's answers on the training pictures. The
 * confidence head learns whether the class head agrees with the backbone on held-out pictures. On pictures that
 * the backbone was trained on they almost always agree, so a confidence head could not learn from these.
 * @throws OfframpError `CONFIG_INVALID` for other designs
 */
export const trainPoolBranches: BranchTrainer = async (task) => {
  if (task.designs.some(({ body, reuse }) => body.kind !== 'pool' || reuse !== 'none')) {
    throw new OfframpError('CONFIG_INVALID', 'expected branches with the body pool and without reuse');
  }
  // Fast enough to need no checkpoint; another trainer's is rejected.
  await task.checkpoint?.begin({ trainer: 'pool' });
  const chosen = chosenPictures(task);
  const training = await pooledFeatures(
    task,
    chosen ? subsetOf(task.training, chosen) : task.training,
    'running the backbone',
  );
  const targets = chosen ? task.targets && chosen.map((i) => task.targets?.[i] as number) : task.targets;
  expectSeveralClasses(task, new Set(training.labels));
  const heldOut = await pooledFeatures(task, task.heldOut, 'running the backbone on held-out samples');
  const branches: ClassTrainedBranch[] = [];
  for (const [i, design] of task.designs.entries()) {
    if (task.epochs > 0) {
      task.progress.step(`training branch ${i + 1} of ${task.designs.length}`, task.epochs);
    }
    const features = training.pooled[i] as Matrix;
    const head = await trainLinearClassifier(features, targets ?? training.labels, {
      ...classHead,
      classes: task.backbone.output.classes,
      epochs: task.epochs,
      seed: task.seed + i,
      onEpoch: async (_, loss) => {
        task.progress.advance(1, `loss ${loss.toFixed(4)}`);
        await eventLoopTurn();
        throwIfInterrupted(task.signal);
      },
    });
    const { cutPoint } = design;
    const { grid } = design.body;
    branches.push({
      design,
      body: { ...design.body, grid: poolGeometry(cutPoint, grid).grid },
      macs: head.weights.length,
      parameters: head.weights.length + head.bias.length,
      addLogits: (editor, tensor) => ({
        logits: addClassHead(editor, addPoolBody(editor, tensor, cutPoint, grid), head),
        score: null,
      }),
      heldOut: answersOf(task, head, heldOut.pooled[i] as Matrix),
      scores: null,
    });
  }
  return { branches: await finishBranches(task, branches, heldOut.labels), heldOutLabels: heldOut.labels };
};

/** The pictures of all epochs: the backbone runs over them once. @returns `null` for all */
function chosenPictures({ training, picturesPerEpoch, seed }: TrainingTask): number[] | null {
  if (picturesPerEpoch >= training.size) return null;
  return [...seededPermutation(training.size, seed)].slice(0, picturesPerEpoch).sort((a, b) => a - b);
}

/** Samples whose probabilities are in memory at a time. */
const answered = 256;

function answersOf({ criterion }: TrainingTask, head: LinearClassifier, features: Matrix): ExitAnswers {
  const answers = new ExitAnswers(criterion, features.rows, false);
  for (let start = 0; start < features.rows; start += answered) {
    answers.add(start, applyLinearClassifier(head, rowsOf(features, start, start + answered)), null);
  }
  return answers;
}

/** Bytes that {@link trainPoolBranches} keeps in memory. */
export function pooledBytes({ designs, training, heldOut }: TrainingTask): number {
  const features = designs.reduce(
    (sum, { cutPoint, body }) => sum + poolGeometry(cutPoint, body.grid).features,
    0,
  );
  return features * (training.size + heldOut.size) * Float32Array.BYTES_PER_ELEMENT;
}

interface PooledFeatures {
  /** One per design: a row per picture. */
  pooled: Matrix[];
  /** The backbone's answers. */
  labels: Uint16Array;
}

async function pooledFeatures(
  task: TrainingTask,
  pictures: TrainingTask['training'],
  title: string,
): Promise<PooledFeatures> {
  const widths = task.designs.map(({ cutPoint, body }) => poolGeometry(cutPoint, body.grid).features);
  const cutPoints = task.designs.map(({ cutPoint }) => cutPoint);
  const { backboneBatch } = task.memory;
  const runner = await openBackbone(task.backbone, backboneBatch, cutPoints, (editor, names) =>
    task.designs.map(({ cutPoint, body }, i) => ({
      name: addPoolBody(editor, names[i] as string, cutPoint, body.grid),
      shape: [widths[i] as number],
    })),
  );
  const pooled = widths.map((width) => matrixOf(pictures.size, width));
  const labels = new Uint16Array(pictures.size);
  task.progress.step(title, pictures.size);
  try {
    for await (const batch of runner.over(pictures, task.input)) {
      labels.set(batch.labels, batch.start);
      pooled.forEach((matrix, i) => {
        matrix.values.set(batch.tensors[i] as Float32Array, batch.start * matrix.width);
      });
      task.progress.advance(batch.labels.length);
      throwIfInterrupted(task.signal);
    }
  } finally {
    await runner.close();
  }
  return { pooled, labels };
}
