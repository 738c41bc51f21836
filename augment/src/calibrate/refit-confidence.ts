import {
  argMax,
  Bundle,
  exitCosts,
  InferencePool,
  readBundleContents,
  stageTensors,
  writeBundle,
} from '@offramp/bundle';
import { alignLabels, type Dataset, subsetOf } from '@offramp/data';
import { OfframpError } from '@offramp/runtime';
import { onnx } from '#onnx';
import { heldOutBeforeTrial, splitForTrial } from '../branches/choose-by-trial.js';
import { ExitAnswers } from '../branches/exit-answers.js';
import { fitConfidence } from '../branches/fit-confidence.js';
import type { ConfidenceHead } from '../branches/heads.js';
import { tensorOf } from '../onnx/graph-editor.js';
import { writeModel } from '../onnx/write-model.js';
import { pictureBatches } from '../pictures/picture-batches.js';
import { throwIfInterrupted } from '../support/interruption.js';
import { type Matrix, rowOf } from '../training/matrix.js';
import { chooseCodec } from './add-learned-codec.js';
import { chooseEncodings } from './calibrate-bundle.js';
import { calibrationTable } from './calibration-table.js';
import type { ChooseCodecsOptions } from './choose-codecs.js';
import { chooseThresholds } from './choose-thresholds.js';
import { type HeldOutProof, heldOutProof } from './held-out-proof.js';
import { recordedGoal } from './recorded-goal.js';

const batchSize = 64;

export interface RefitOptions extends ChooseCodecsOptions {
  /** Told, before any work, what the pictures can prove of the bundle's agreement. As with `augmentBackbone`. */
  onHeldOut?: (proof: HeldOutProof, heldOut: number) => void;
}

/**
 * Refits the confidence heads of an existing bundle, and chooses thresholds for its goal, and codecs. Class heads do not
 * change, and a learned codec stays while it is worth it.
 * @param dataset pictures that no part of the bundle was trained on; if a trial chose its branches, the pictures that
 *   judged the trial are left out
 * @throws OfframpError `CONFIG_INVALID` for a bundle without fitted confidence heads; `FILE_NOT_FOUND`, `BUNDLE_INVALID`,
 *   `BUNDLE_CORRUPT`, `DATA_INVALID`, `IMAGE_INVALID`, `INFERENCE_FAILED`, `OUTPUT_FAILED`, `INTERRUPTED`; the bundle is
 *   unchanged then
 */
export async function refitConfidence(
  directory: string,
  dataset: Dataset,
  options: RefitOptions,
): Promise<Bundle> {
  const bundle = await Bundle.open(directory);
  const contents = await readBundleContents(bundle);
  const { provenance, labels, stages } = contents;
  const models = stages.slice(0, -1).map(({ model, branch }, i) => {
    const proto = onnx.ModelProto.decode(model);
    const head = proto.graph ? learnedHeadOf(proto.graph) : null;
    if (branch?.criterion !== 'confidence' || !head) {
      throw new OfframpError(
        'CONFIG_INVALID',
        `${directory}: expected confidence heads that were fitted on held-out samples, found none at stage ${i}`,
        { hint: '`offramp augment` fits them with --criterion confidence and --confidence held-out.' },
      );
    }
    return { proto, head };
  });
  const tried = provenance.options.placement === 'auto';
  const pictures = tried ? subsetOf(dataset, splitForTrial(dataset.size).rest) : dataset;
  const goal = recordedGoal(contents);
  if ('agreement' in goal) {
    const proof = heldOutProof(pictures.size, goal.agreement, goal.delta);
    options.onHeldOut?.(proof, tried ? heldOutBeforeTrial(proof.needed) : proof.needed);
  }
  const heldOut = await answersOf(bundle, pictures, options);
  const { progress, signal } = options;
  progress.step('fitting confidence heads', models.length);
  const branches = [];
  for (const [i, { proto, head }] of models.entries()) {
    const { labels: label, features } = heldOut.branches[i] as ExitAnswers;
    const agrees = label.map((answer, row) => (answer === heldOut.final[row] ? 1 : 0));
    const onFold = () => throwIfInterrupted(signal);
    const fitted = await fitConfidence('confidence', features, agrees, provenance.seed, onFold);
    if (proto.graph) setHead(proto.graph, head, fitted.head);
    branches.push({ heldOut: { label, confidence: fitted.confidence } });
    progress.advance(1);
  }
  const toLabel = alignLabels(pictures, labels);
  const trueLabels = pictures.labelled
    ? Array.from({ length: pictures.size }, (_, i) => toLabel(pictures.labelAt(i)))
    : null;
  const calibration = calibrationTable({ branches, heldOutLabels: heldOut.final }, trueLabels);
  const { thresholds, agreement } = chooseThresholds(calibration, exitCosts(bundle.manifest), goal);
  const refitted = {
    ...contents,
    stages: stages.map((stage, i) => {
      const model = models[i];
      return model ? { ...stage, model: writeModel(model.proto) } : stage;
    }),
    policy: { ...contents.policy, thresholds, targetAgreement: agreement },
    provenance: { ...provenance, calibrationSamples: pictures.size },
    calibration,
  };
  return writeBundle(directory, refitted, {
    complete: async (written) => {
      const encoded = await chooseEncodings(written, refitted, pictures, options);
      const kept = { ...options, goal, mode: 'auto' as const };
      // The table was recorded without the codec.
      return (await chooseCodec(written, encoded, pictures, [], kept, false)).contents;
    },
  });
}

/** Names of the weights and the bias of a head. */
interface LearnedHead {
  weights: string;
  bias: string;
}

/** Confidence is the reshaped sigmoid of a Gemm (`addExit`). */
function learnedHeadOf(graph: onnx.IGraphProto): LearnedHead | null {
  const madeBy = (tensor: string | undefined, opType: string) =>
    graph.node?.find((node) => node.opType === opType && node.output?.[0] === tensor);
  const sigmoid = madeBy(madeBy(stageTensors.confidence, 'Reshape')?.input?.[0], 'Sigmoid');
  const [, weights, bias] = madeBy(sigmoid?.input?.[0], 'Gemm')?.input ?? [];
  return weights?.startsWith('confidence_weights') && bias?.startsWith('confidence_bias')
    ? { weights, bias }
    : null;
}

function setHead(graph: onnx.IGraphProto, names: LearnedHead, head: ConfidenceHead): void {
  if (head.kind !== 'learned') return;
  const values = new Map([
    [names.weights, tensorOf(names.weights, [head.weights.length, 1], head.weights)],
    [names.bias, tensorOf(names.bias, [1], Float32Array.of(head.bias))],
  ]);
  graph.initializer = (graph.initializer ?? []).map((tensor) => values.get(tensor.name ?? '') ?? tensor);
}

interface Answers {
  branches: ExitAnswers[];
  /** The backbone's labels. */
  final: Uint16Array;
}

const answersIn = (probabilities: Matrix) =>
  Uint16Array.from({ length: probabilities.rows }, (_, row) => argMax(rowOf(probabilities, row)));

async function answersOf(
  bundle: Bundle,
  pictures: Dataset,
  { threads = 1, progress, signal }: ChooseCodecsOptions,
): Promise<Answers> {
  const { manifest, branches } = bundle;
  const classes = manifest.labels.length;
  const answers = manifest.stages
    .slice(0, -1)
    .map(({ branch }) => new ExitAnswers('confidence', pictures.size, branch?.reuse === true));
  const final = new Uint16Array(pictures.size);
  const indices = Array.from({ length: pictures.size }, (_, i) => i);
  const pool = await InferencePool.create(bundle, { threads });
  progress.step('running held-out samples', pictures.size);
  let start = 0;
  try {
    for await (const batch of pictureBatches(pictures, indices, manifest.input, batchSize)) {
      const rows = batch.indices.length;
      let { input } = batch;
      let previous: Matrix | null = null;
      for (let stage = 0; stage <= branches; stage++) {
        const outputs = await pool.run(stage, input, rows);
        const probabilities: Matrix = { values: outputs.probabilities, rows, width: classes };
        const reuses = manifest.stages[stage]?.branch?.reuse === true;
        answers[stage]?.add(start, probabilities, reuses ? previous : null);
        if (stage === branches) final.set(answersIn(probabilities), start);
        previous = probabilities;
        input = outputs.activation ?? input;
      }
      start += rows;
      progress.advance(rows);
      throwIfInterrupted(signal);
    }
  } finally {
    await pool.close();
  }
  return { branches: answers, final };
}
