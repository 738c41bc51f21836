import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  alignLabels,
  type Bundle,
  type BundleContents,
  type CalibrationTable,
  checkReplaceable,
  type Dataset,
  type ExitCriterion,
  exitCosts,
  flagOf,
  type InputSpecification,
  manifestSchema,
  OfframpError,
  offrampVersion,
  type Preprocessing,
  preprocessingProblems,
  sha256Hex,
  subsetOf,
  systemClock,
  type ThresholdOutcome,
  writeBundle,
} from '@offramp/shared';
import type { BranchBody } from './branches/body.js';
import type {
  BranchDesign,
  BranchTrainer,
  ProgressListener,
  TrainingResult,
  TrainingTask,
} from './branches/branch-trainer.js';
import { type Placement, placeBranches } from './branches/placement.js';
import { buildStages, type PlacedBranch } from './build-stages.js';
import { chooseThresholds } from './calibrate/choose-thresholds.js';
import {
  type CheckpointOptions,
  checkpointPathOf,
  TrainingCheckpoint,
} from './checkpoint/training-checkpoint.js';
import { trainingFacts } from './checkpoint/training-facts.js';
import { evaluateBundle, roundConfidence } from './evaluate.js';
import { splitHoldOut } from './hold-out.js';
import { throwIfInterrupted } from './interruption.js';
import { type BackboneProfile, type CutPoint, profileBackbone } from './onnx/profile.js';
import { readModelFile } from './onnx/read-model.js';
import { onnxruntimeVersion } from './onnxruntime-version.js';

export interface AugmentOptions {
  name: string;
  /** How many, and where; or where, by the names of cut points. */
  branches: number;
  placement: Placement;
  cutPoints: readonly string[] | null;
  body: BranchBody;
  /** Whether a branch sees what the exit before answered. */
  reuse: boolean;
  criterion: ExitCriterion;
  /** What branches learn to answer: what the backbone does, or the true label. */
  targets: 'backbone' | 'labels';
  epochs: number;
  /** Share (below 1) or number of pictures kept from training. Unused with `calibration`. */
  holdOut: number;
  /** Other pictures to fit confidence heads and choose thresholds on; then all of `dataset` is for training. */
  calibration: Dataset | null;
  preprocessing: Preprocessing;
  /** One per class; `null`: the data's class names, else the class numbers. */
  labels: readonly string[] | null;
  /** Agreement with the backbone that the thresholds are chosen for, and how sure to be of it. */
  agreement: number;
  delta: number;
  /** A device runs as many stages as stay within this share of the backbone's cost. At least one. */
  deviceCost: number;
  seed: number;
  trainer: BranchTrainer;
  progress: ProgressListener;
  /** Ends the work where it stands: with `INTERRUPTED`, and whatever stands at `out` as it was. */
  signal?: AbortSignal;
  /** Where given, a training that ends early leaves a checkpoint beside `out` (`checkpointPathOf`). */
  checkpoint?: CheckpointOptions;
}

export interface AugmentResult {
  bundle: Bundle;
  /** At the chosen thresholds, on the held-out pictures. */
  outcome: ThresholdOutcome;
  /** Of the backbone on the held-out pictures; `null` without labels. */
  backboneAccuracy: number | null;
  /** How many different answers the backbone gives for the held-out pictures. */
  differentAnswers: number;
}

/** How many held-out pictures the finished bundle is checked on. */
const checkedPictures = 500;

/**
 * Attaches branches to a backbone and writes the bundle: cut, train on the frozen backbone, calibrate on
 * held-out pictures, build, check that the bundle answers what the training saw.
 * @param modelPath an ONNX classifier
 * @param out where the bundle goes; an older bundle there is replaced
 * @throws OfframpError `MODEL_INVALID`, `MODEL_UNSUPPORTED`, `DATA_INVALID`, `CONFIG_INVALID`,
 *   `TRAINING_FAILED`, `IMAGE_INVALID`, `OUTPUT_FAILED`, `INTERRUPTED`; with `checkpoint`, `FILE_NOT_FOUND` and
 *   `CHECKPOINT_INVALID`, too
 */
export async function augmentBackbone(
  modelPath: string,
  dataset: Dataset,
  out: string,
  options: AugmentOptions,
): Promise<AugmentResult> {
  await checkReplaceable(out);
  const model = await readModelFile(modelPath);
  const backbone = await profileBackbone(model);
  const input = inputOf(backbone, options.preprocessing);
  const labels = labelsOf(backbone, dataset, options.labels);
  const designs = designBranches(backbone, options);
  const { training, heldOut } = splitData(dataset, options);

  // Labels are looked at before the training, which takes long.
  const trueLabels = heldOut.labelled ? trueLabelsOf(heldOut, labels) : null;
  const targets = targetsOf(training, labels, options.targets);
  const { criterion, epochs, seed, progress, signal } = options;
  const task = {
    ...{ backbone, designs, input, training, heldOut, targets, criterion, epochs, seed, progress },
    ...(signal ? { signal } : {}),
  };
  const file = { file: basename(modelPath), sha256: sha256Hex(await readFile(modelPath)) };
  const data = { description: dataset.description, labels, trueLabels };
  throwIfInterrupted(signal);
  if (!options.checkpoint) return trainAndWrite(task, file, data, out, options);
  const facts = trainingFacts(task, file.sha256);
  const checkpoint = new TrainingCheckpoint(checkpointPathOf(out), facts, options.checkpoint, systemClock);
  return checkpoint.protect(() => trainAndWrite({ ...task, checkpoint }, file, data, out, options));
}

interface LabelledData {
  description: string;
  /** The bundle's. */
  labels: readonly string[];
  /** Of the held-out pictures. */
  trueLabels: number[] | null;
}

async function trainAndWrite(
  task: TrainingTask,
  file: { file: string; sha256: string },
  data: LabelledData,
  out: string,
  options: AugmentOptions,
): Promise<AugmentResult> {
  const { backbone, designs, input, training, heldOut } = task;
  const trained = await options.trainer(task);
  throwIfInterrupted(options.signal);
  const placed = trained.branches.map(
    (branch, i): PlacedBranch => ({ branch, cutPoint: (designs[i] as BranchDesign).cutPoint }),
  );
  const calibration = calibrationTable(trained, data.trueLabels);
  const stages = buildStages(backbone, placed);
  const manifestSoFar = {
    name: options.name,
    input,
    labels: [...data.labels],
    backbone: { ...file, macs: backbone.macs, parameters: backbone.parameters },
    stages,
  };
  const costs = exitCosts(manifestSoFar);
  options.progress.step('choosing thresholds', 1);
  const { thresholds, outcome } = chooseThresholds(calibration, costs, options);
  options.progress.advance(1);

  const contents: BundleContents = {
    ...manifestSoFar,
    policy: { thresholds, targetAgreement: options.agreement },
    deviceStages: Math.max(1, costs.filter((cost) => cost <= options.deviceCost).length),
    provenance: {
      offrampVersion,
      onnxruntimeVersion: onnxruntimeVersion(),
      data: data.description,
      trainingSamples: training.size,
      calibrationSamples: heldOut.size,
      seed: options.seed,
      options: {
        ...(options.cutPoints
          ? { cutPoints: options.cutPoints.join(' ') }
          : { branches: options.branches, placement: options.placement }),
        body: options.body.kind,
        grid: options.body.grid,
        reduce: options.body.reduce,
        reuse: options.reuse,
        criterion: options.criterion,
        targets: options.targets,
        epochs: options.epochs,
        holdOut: options.holdOut,
        agreement: options.agreement,
        delta: options.delta,
        deviceCost: options.deviceCost,
      },
    },
    calibration,
  };
  const bundle = await writeBundle(out, contents, {
    check: (written) => checkBundle(written, heldOut, calibration, options),
  });
  const final = calibration.correct?.at(-1);
  const differentAnswers = new Set(trained.heldOutLabels).size;
  return { bundle, outcome, backboneAccuracy: final ? shareOfOnes(final) : null, differentAnswers };
}

function inputOf(backbone: BackboneProfile, preprocessing: Preprocessing): InputSpecification {
  const shape = manifestSchema.shape.input.shape.shape.safeParse(backbone.input.shape);
  if (!shape.success) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${backbone.model.where}: expected an input of channels × height × width; found ${backbone.input.shape.join('×')}`,
    );
  }
  const [channels, , last] = shape.data;
  if (channels !== 1 && channels !== 3) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${backbone.model.where}: expected an input of 1 or 3 channels, batch × channels × height × width; found ${channels} channels`,
      last === 1 || last === 3
        ? {
            hint: 'The channels seem to come last. Export it with channels first: tf2onnx has --inputs-as-nchw.',
          }
        : {},
    );
  }
  const [problem] = preprocessingProblems(preprocessing, shape.data);
  if (problem) throw new OfframpError('CONFIG_INVALID', `--${flagOf(problem.key)}: ${problem.problem}`);
  return { shape: shape.data, preprocessing };
}

function labelsOf(
  backbone: BackboneProfile,
  dataset: Dataset,
  given: readonly string[] | null,
): readonly string[] {
  const { classes } = backbone.output;
  const labels = given ?? dataset.classNames ?? Array.from({ length: classes }, (_, i) => String(i));
  if (labels.length !== classes) {
    throw new OfframpError(
      given ? 'CONFIG_INVALID' : 'DATA_INVALID',
      `${given ? '--labels' : dataset.description}: expected ${classes} labels, one per class of the model; found ${labels.length}`,
    );
  }
  return labels;
}

function designBranches(backbone: BackboneProfile, options: AugmentOptions): BranchDesign[] {
  const cutPoints = options.cutPoints
    ? namedCutPoints(backbone, options.cutPoints)
    : placedCutPoints(backbone, options);
  return cutPoints.map((cutPoint, i) => ({
    cutPoint,
    // Tokens and vectors have nothing to convolve over.
    body: cutPoint.shape.length === 3 ? options.body : { kind: 'pool', grid: 1, reduce: 'none' },
    reuse: options.reuse && i > 0,
  }));
}

function placedCutPoints(backbone: BackboneProfile, options: AugmentOptions): CutPoint[] {
  const candidates = distinctCutPoints(backbone.cutPoints.filter(({ shape }) => shape.length <= 3));
  const costs = candidates.map((cutPoint) => cutPoint.cumulativeMacs / backbone.macs);
  return placeBranches(options.placement, options.branches, costs).map(
    (index) => candidates[index] as CutPoint,
  );
}

/** @throws OfframpError `CONFIG_INVALID` for a name that is no cut point's, or is named twice */
function namedCutPoints(backbone: BackboneProfile, names: readonly string[]): CutPoint[] {
  const unknown = names.find((name, i) => {
    const known = backbone.cutPoints.some(({ tensor }) => tensor === name);
    return !known || names.indexOf(name) !== i;
  });
  if (unknown !== undefined) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `cut points: expected different cut points of the model, found ${unknown}`,
      {
        hint: '`offramp inspect MODEL --all` lists them.',
      },
    );
  }
  return backbone.cutPoints.filter(({ tensor }) => names.includes(tensor));
}

function splitData(dataset: Dataset, options: AugmentOptions): { training: Dataset; heldOut: Dataset } {
  if (options.calibration) return { training: dataset, heldOut: options.calibration };
  const { training, heldOut } = splitHoldOut(dataset, options.holdOut);
  return { training: subsetOf(dataset, training), heldOut: subsetOf(dataset, heldOut) };
}

/** @throws OfframpError `DATA_INVALID` for labels that there is nothing to learn from */
function targetsOf(
  training: Dataset,
  labels: readonly string[],
  targets: AugmentOptions['targets'],
): number[] | null {
  if (!training.labelled && targets === 'backbone') return null;
  const trueLabels = trueLabelsOf(training, labels);
  const [only, ...others] = new Set(trueLabels);
  if (only !== undefined && others.length === 0) {
    throw new OfframpError(
      'DATA_INVALID',
      `${training.description}: expected labels of two classes at least, found only ${labels[only]}`,
      targets === 'backbone' ? { hint: 'With --unlabelled, folders are no classes.' } : {},
    );
  }
  return targets === 'labels' ? trueLabels : null;
}

/** @throws OfframpError `DATA_INVALID` for data without labels, or with others than the model's */
function trueLabelsOf(dataset: Dataset, labels: readonly string[]): number[] {
  const toLabel = alignLabels(dataset, labels);
  return Array.from({ length: dataset.size }, (_, index) => {
    const label = toLabel(dataset.labelAt(index));
    if (label === null) {
      throw new OfframpError('DATA_INVALID', `${dataset.description}: expected labels, found none`);
    }
    return label;
  });
}

/**
 * One cut point for each cost: of those that no multiply-accumulate separates, the smallest activation,
 * and of equally small ones the last, which stands behind the non-linearity.
 */
export function distinctCutPoints(cutPoints: readonly CutPoint[]): CutPoint[] {
  const distinct: CutPoint[] = [];
  for (const cutPoint of cutPoints) {
    const last = distinct.at(-1);
    if (last?.cumulativeMacs !== cutPoint.cumulativeMacs) distinct.push(cutPoint);
    else if (cutPoint.activationBytes <= last.activationBytes) distinct[distinct.length - 1] = cutPoint;
  }
  return distinct;
}

function calibrationTable(trained: TrainingResult, trueLabels: (number | null)[] | null): CalibrationTable {
  const reference = trained.heldOutLabels;
  const bits = (values: ArrayLike<number>, expected: ArrayLike<number | null>) =>
    Array.from(values, (value, i) => (value === expected[i] ? '1' : '0')).join('');
  return {
    samples: reference.length,
    branches: trained.branches.map(({ heldOut }) => ({
      confidence: Array.from(heldOut.confidence, roundConfidence),
      agrees: bits(heldOut.label, reference),
    })),
    correct: trueLabels
      ? [...trained.branches.map(({ heldOut }) => heldOut.label), reference].map((labels) =>
          bits(labels, trueLabels),
        )
      : null,
  };
}

/** @throws OfframpError `INTERNAL` when the stages do not answer what the heads did in training */
async function checkBundle(
  bundle: Bundle,
  heldOut: Dataset,
  expected: CalibrationTable,
  { progress, signal }: AugmentOptions,
): Promise<void> {
  const total = Math.min(checkedPictures, heldOut.size);
  progress.step('checking the bundle', total);
  let last = 0;
  const found = await evaluateBundle(bundle, heldOut, {
    limit: total,
    onProgress: (done) => {
      throwIfInterrupted(signal);
      progress.advance(done - last);
      last = done;
    },
  });
  found.branches.forEach(({ agrees }, branch) => {
    const wanted = expected.branches[branch]?.agrees ?? '';
    const different = [...agrees].filter((bit, i) => bit !== wanted[i]).length;
    // Float arithmetic may turn a tie; more than that is a wrong graph.
    if (different > Math.max(1, total * 0.01)) {
      throw new OfframpError(
        'INTERNAL',
        `branch ${branch} answers ${different} of ${total} pictures unlike in training`,
      );
    }
  });
}

function shareOfOnes(bits: string): number {
  return bits.length === 0 ? 0 : [...bits].filter((bit) => bit === '1').length / bits.length;
}
