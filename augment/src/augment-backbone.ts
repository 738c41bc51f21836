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
import type {
  BranchDesign,
  BranchTrainer,
  ProgressListener,
  TrainingTask,
} from './branches/branch-trainer.js';
import { chooseByTrial, splitForTrial } from './branches/choose-by-trial.js';
import { buildStages, type PlacedBranch } from './build-stages.js';
import { calibrationTable } from './calibrate/calibration-table.js';
import { chooseCodecs } from './calibrate/choose-codecs.js';
import { chooseThresholds, type ThresholdGoal } from './calibrate/choose-thresholds.js';
import { withCodecs } from './calibrate-bundle.js';
import type { TrainingFacts } from './checkpoint/checkpoint-file.js';
import { readChoice } from './checkpoint/read-choice.js';
import {
  type CheckpointOptions,
  checkpointPathOf,
  TrainingCheckpoint,
} from './checkpoint/training-checkpoint.js';
import { trainingFacts } from './checkpoint/training-facts.js';
import { type DesignOptions, designBranches, withReuse } from './design-branches.js';
import { evaluateBundle } from './evaluate.js';
import { splitHoldOut } from './hold-out.js';
import { throwIfInterrupted } from './interruption.js';
import { type BackboneProfile, profileBackbone } from './onnx/profile.js';
import { readModelFile } from './onnx/read-model.js';
import { onnxruntimeVersion } from './onnxruntime-version.js';

export interface AugmentOptions extends DesignOptions {
  name: string;
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
  /** Agreement with the backbone that the thresholds, and with the placement `auto` the branches, are chosen for. */
  agreement: number;
  /** Expected cost, as a share of the backbone's, that the thresholds are chosen for instead. */
  cost?: number | undefined;
  /** How sure to be of either: the probability of missing it. */
  delta: number;
  /** A device runs as many stages as stay within this share of the backbone's cost. At least one. */
  deviceCost: number;
  seed: number;
  trainer: BranchTrainer;
  /** For the placement `auto`: trains the branches that are tried. Default: as `trainer`. */
  trialTrainer?: BranchTrainer;
  /** What the trainer was told, for the record. */
  trainerOptions?: Readonly<Record<string, string | number | boolean>>;
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
  /** The agreement that the held-out pictures prove for as many new ones, with certainty 1 − `delta`. */
  provenAgreement: number;
  /** How many different answers the backbone gives for the held-out pictures. */
  differentAnswers: number;
}

/** How many held-out pictures the finished bundle is checked on. */
const checkedPictures = 500;

/**
 * Attaches branches to a backbone and writes the bundle: cut, train on the frozen backbone, calibrate on
 * held-out pictures, build, check that the bundle answers what the training saw, choose the codecs.
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
  const planned = designBranches(backbone, options);
  const { training, heldOut, judged } = splitData(dataset, options, planned.choose);

  // Labels are looked at before the training, which takes long.
  const trueLabels = heldOut.labelled ? trueLabelsOf(heldOut, labels) : null;
  const targets = targetsOf(training, labels, options.targets);
  const { criterion, epochs, seed, progress, signal } = options;
  const plan = {
    ...{
      backbone,
      designs: planned.designs,
      input,
      training,
      heldOut,
      targets,
      criterion,
      epochs,
      seed,
      progress,
    },
    ...(signal ? { signal } : {}),
  };
  const file = { file: basename(modelPath), sha256: sha256Hex(await readFile(modelPath)) };
  const data = { description: dataset.description, labels, trueLabels };
  throwIfInterrupted(signal);
  const { sha256 } = file;
  const choice = judged ? await chooseDesigns({ ...plan, heldOut: judged }, sha256, out, options) : null;
  const task = choice ? { ...plan, designs: choice.designs } : plan;
  if (!options.checkpoint) return trainAndWrite(task, file, data, out, options);
  const facts = { ...trainingFacts(task, sha256), ...choice?.facts };
  const resume = options.checkpoint.resume && !choice?.isNew;
  const checkpointOptions = { ...options.checkpoint, resume };
  const checkpoint = new TrainingCheckpoint(checkpointPathOf(out), facts, checkpointOptions, systemClock);
  return checkpoint.protect(() => trainAndWrite({ ...task, checkpoint }, file, data, out, options));
}

interface ChosenDesigns {
  designs: BranchDesign[];
  facts: TrainingFacts;
  /** Whether a trial has just chosen, so that no checkpoint can know of a training with them. */
  isNew: boolean;
}

/** Chooses among the task's designs by a trial, or as the training did that is gone on with. */
async function chooseDesigns(
  task: TrainingTask,
  backboneSha256: string,
  out: string,
  options: AugmentOptions,
): Promise<ChosenDesigns> {
  const { agreement, branches: most, reuse, bodies } = options;
  const kinds = bodies
    .map(({ kind, grid, reduce }) => `${kind} (${grid}×${grid}, reduce ${reduce})`)
    .join(', ');
  const placement = `auto: at most ${most} for agreement ${agreement} of ${kinds}, judged on ${task.heldOut.size} pictures`;
  const path = checkpointPathOf(out);
  const known = options.checkpoint?.resume ? await readChoice(path, placement) : null;
  const trial = (checkpoint?: TrainingCheckpoint) =>
    chooseByTrial(checkpoint ? { ...task, checkpoint } : task, options.trialTrainer ?? options.trainer, {
      agreement,
      most,
    });
  const tried = () => {
    if (!options.checkpoint) return trial();
    const facts = { ...trainingFacts(task, backboneSha256), placement };
    const checkpoint = new TrainingCheckpoint(path, facts, options.checkpoint, systemClock);
    return checkpoint.protect(() => trial(checkpoint));
  };
  const chosen = known ?? (await tried());
  const designs = chosen.map((i) => task.designs[i]).filter((design) => design !== undefined);
  return {
    designs: withReuse(designs, reuse),
    facts: { placement, chosen: chosen.join(' ') },
    isNew: known === null,
  };
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
  const { cost, agreement, delta } = options;
  const goal: ThresholdGoal = cost === undefined ? { agreement, delta } : { cost, delta };
  const { thresholds, outcome, agreement: provenAgreement } = chooseThresholds(calibration, costs, goal);
  options.progress.advance(1);

  const contents: BundleContents = {
    ...manifestSoFar,
    policy: { thresholds, targetAgreement: provenAgreement },
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
        reuse: options.reuse,
        ...options.trainerOptions,
        criterion: options.criterion,
        targets: options.targets,
        epochs: options.epochs,
        holdOut: options.holdOut,
        ...(cost === undefined ? { agreement } : { cost }),
        delta: options.delta,
        deviceCost: options.deviceCost,
      },
    },
    calibration,
  };
  const bundle = await writeBundle(out, contents, {
    check: (written) => checkBundle(written, heldOut, calibration, options),
    complete: async (written) => withCodecs(contents, await chooseCodecs(written, heldOut, options)),
  });
  const final = calibration.correct?.at(-1);
  const differentAnswers = new Set(trained.heldOutLabels).size;
  return {
    bundle,
    outcome,
    backboneAccuracy: final ? shareOfOnes(final) : null,
    provenAgreement,
    differentAnswers,
  };
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

interface SplitData {
  training: Dataset;
  heldOut: Dataset;
  /** Held-out pictures that a trial is judged by; `null` without one. */
  judged: Dataset | null;
}

function splitData(dataset: Dataset, options: AugmentOptions, withTrial: boolean): SplitData {
  const { training, heldOut } = options.calibration
    ? { training: dataset, heldOut: options.calibration }
    : heldOutOf(dataset, options.holdOut);
  if (!withTrial) return { training, heldOut, judged: null };
  const { judged, rest } = splitForTrial(heldOut.size);
  return { training, heldOut: subsetOf(heldOut, rest), judged: subsetOf(heldOut, judged) };
}

function heldOutOf(dataset: Dataset, holdOut: number): { training: Dataset; heldOut: Dataset } {
  const { training, heldOut } = splitHoldOut(dataset, holdOut);
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
