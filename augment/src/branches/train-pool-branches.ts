import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { argMax } from '@offramp/shared';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { extractSegment } from '../onnx/extract-segment.js';
import { GraphEditor } from '../onnx/graph-editor.js';
import { writeModel } from '../onnx/write-model.js';
import { pictureBatches } from '../picture-batches.js';
import { seededPermutation } from '../random.js';
import {
  applyLinearClassifier,
  type LinearClassifier,
  trainLinearClassifier,
} from '../training/linear-classifier.js';
import { type Matrix, matrixOf, rowOf, selectRows } from '../training/matrix.js';
import type { BranchTrainer, TrainedBranch, TrainingTask } from './branch-trainer.js';
import { confidenceFeatures } from './confidence-features.js';
import { addHeads, type BranchHeads, type ConfidenceHead, headMacs, headParameters } from './heads.js';
import { addPoolBody, poolGeometry } from './pool-body.js';

const classHead = { batchSize: 128, learningRate: 2e-3, l2: 1e-4 };
const confidenceHead = { epochs: 40, batchSize: 256, learningRate: 2e-2, l2: 1e-3 };
const confidenceFolds = 5;
const backboneBatch = 128;

/**
 * Trains branches with the body `pool`. The frozen backbone runs once over the pictures; its pooled
 * activations stay in memory (4 bytes × features of all branches × pictures) and both heads are linear in
 * them. The class head learns the backbone's answers on the training pictures. The confidence head
 * learns whether the class head agrees with the backbone on held-out pictures: on pictures that the
 * backbone was trained on they almost always agree, which teaches a confidence head nothing.
 */
export const trainPoolBranches: BranchTrainer = async (task) => {
  const features = await pooledFeatures(task);
  const trainingRows = task.training.map((_, i) => i);
  const heldOutRows = task.heldOut.map((_, i) => task.training.length + i);
  const targets = features.backboneLabels.subarray(0, trainingRows.length);
  const heldOutLabels = features.backboneLabels.slice(trainingRows.length);

  const branches: TrainedBranch[] = [];
  for (const [i, design] of task.designs.entries()) {
    const pooled = features.pooled[i] as Matrix;
    task.progress.step(`branch ${i + 1} of ${task.designs.length}: class head`, task.epochs);
    const classification = await trainLinearClassifier(selectRows(pooled, trainingRows), targets, {
      ...classHead,
      classes: task.backbone.output.classes,
      epochs: task.epochs,
      seed: task.seed + i,
      onEpoch: async (_, loss) => {
        task.progress.advance(1, `loss ${loss.toFixed(4)}`);
        await eventLoopTurn();
      },
    });
    const heldOut = applyLinearClassifier(classification, selectRows(pooled, heldOutRows));
    const label = Uint16Array.from(heldOutRows, (_, row) => argMax(rowOf(heldOut, row)));
    const agrees = label.map((answer, row) => (answer === heldOutLabels[row] ? 1 : 0));
    task.progress.step(`branch ${i + 1} of ${task.designs.length}: confidence head`, confidenceFolds + 1);
    const { head, crossFitted } = await fitConfidenceHead(confidenceFeatures(heldOut), agrees, task);
    const heads: BranchHeads = { classification, confidence: head };
    const { shape } = design.cutPoint;
    const { grid } = poolGeometry(shape, design.body.grid);
    branches.push({
      body: { kind: 'pool', grid },
      macs: headMacs(heads),
      parameters: headParameters(heads),
      attach: (editor, tensor, outputs) =>
        addHeads(editor, addPoolBody(editor, tensor, shape, grid), heads, outputs),
      heldOut: { label, confidence: crossFitted },
    });
  }
  return { branches, heldOutLabels };
};

interface PooledFeatures {
  /** One per design: a row per picture, training pictures first. */
  pooled: Matrix[];
  backboneLabels: Uint16Array;
}

async function pooledFeatures(task: TrainingTask): Promise<PooledFeatures> {
  const { backbone, designs } = task;
  const output = 'backbone_output';
  const proto = extractSegment(backbone, null, null, { input: 'input', output });
  const editor = new GraphEditor(proto);
  const names = designs.map(({ cutPoint, body }) => {
    const name = addPoolBody(editor, cutPoint.tensor, cutPoint.shape, body.grid);
    editor.addOutput(name, [poolGeometry(cutPoint.shape, body.grid).features]);
    return name;
  });
  const session = await InferenceSession.create(writeModel(proto), { logSeverityLevel: 3 });
  const indices = [...task.training, ...task.heldOut];
  const pooled = designs.map(({ cutPoint, body }) =>
    matrixOf(indices.length, poolGeometry(cutPoint.shape, body.grid).features),
  );
  const backboneLabels = new Uint16Array(indices.length);
  task.progress.step('running the backbone', indices.length);
  try {
    let row = 0;
    for await (const batch of pictureBatches(task.dataset, indices, task.input, backboneBatch)) {
      const count = batch.indices.length;
      const input = new Tensor('float32', batch.input, [count, ...task.input.shape]);
      const outputs = await session.run({ input });
      const answers = outputs[output]?.data as Float32Array;
      const classes = answers.length / count;
      for (let i = 0; i < count; i++) {
        backboneLabels[row + i] = argMax(answers.subarray(i * classes, (i + 1) * classes));
      }
      for (const [i, name] of names.entries()) {
        const matrix = pooled[i] as Matrix;
        matrix.values.set(outputs[name]?.data as Float32Array, row * matrix.width);
      }
      row += count;
      task.progress.advance(count);
      await eventLoopTurn();
    }
  } finally {
    await session.release();
  }
  return { pooled, backboneLabels };
}

/** Logistic regression on the whole of the held-out samples, and what heads fitted on the other folds say of each. */
async function fitConfidenceHead(
  features: Matrix,
  agrees: Uint16Array,
  task: TrainingTask,
): Promise<{ head: ConfidenceHead; crossFitted: Float32Array }> {
  const fit = async (rows: number[]) => {
    const targets = rows.map((row) => agrees[row] as number);
    const classifier = await trainLinearClassifier(selectRows(features, rows), targets, {
      ...confidenceHead,
      classes: 2,
      seed: task.seed,
    });
    task.progress.advance(1);
    await eventLoopTurn();
    return classifier;
  };
  const crossFitted = new Float32Array(features.rows);
  const order = seededPermutation(features.rows, task.seed);
  for (let fold = 0; fold < confidenceFolds; fold++) {
    const inFold = (_: number, position: number) => position % confidenceFolds === fold;
    const others = Array.from(order.filter((row, position) => !inFold(row, position)));
    const rows = Array.from(order.filter(inFold));
    const probabilities = applyLinearClassifier(await fit(others), selectRows(features, rows));
    rows.forEach((row, i) => {
      crossFitted[row] = rowOf(probabilities, i)[1] as number;
    });
  }
  const whole = await fit(Array.from(order));
  return { head: confidenceHeadOf(whole), crossFitted };
}

/** A softmax over two classes is a sigmoid of the difference of their scores. */
function confidenceHeadOf(classifier: LinearClassifier): ConfidenceHead {
  const { weights, bias } = classifier;
  const difference = Float32Array.from(
    { length: weights.length / 2 },
    (_, j) => (weights[j * 2 + 1] as number) - (weights[j * 2] as number),
  );
  return { weights: difference, bias: (bias[1] as number) - (bias[0] as number) };
}
