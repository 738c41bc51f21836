import { existsSync } from 'node:fs';
import {
  type BundleContents,
  bundleNameSchema,
  checkReplaceable,
  exitCosts,
  maxBundleNameLength,
  type ThresholdOutcome,
  writeBundle,
} from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import { OfframpError, offrampVersion, quoted, systemClock } from '@offramp/runtime';
import type { BranchDesign, TrainingTask } from '../branches/branch-trainer.js';
import { heldOutBeforeTrial } from '../branches/choose-by-trial.js';
import { noBranchPays } from '../branches/paying-branches.js';
import { addLearnedCodec } from '../calibrate/add-learned-codec.js';
import { chooseEncodings } from '../calibrate/calibrate-bundle.js';
import { calibrationTable } from '../calibrate/calibration-table.js';
import {
  type ChosenThresholds,
  chooseThresholds,
  type ThresholdGoal,
} from '../calibrate/choose-thresholds.js';
import { heldOutProof } from '../calibrate/held-out-proof.js';
import { recipeFacts } from '../checkpoint/read-recipe.js';
import {
  type CheckpointOptions,
  checkpointPathOf,
  codecCheckpointPathOf,
  TrainingCheckpoint,
} from '../checkpoint/training-checkpoint.js';
import { trainingFacts } from '../checkpoint/training-facts.js';
import { defaultMemoryBytes, planMemory } from '../effort/memory-plan.js';
import type { Backbone } from '../inspect/load-backbone.js';
import type { BackboneProfile } from '../onnx/profile.js';
import { noAugmentation } from '../pictures/augmentation.js';
import { throwIfInterrupted } from '../support/interruption.js';
import { answersAlone } from './answers-alone.js';
import type { AugmentOptions, AugmentResult } from './augment-options.js';
import { buildStages, type PlacedBranch } from './build-stages.js';
import { checkBundle } from './check-bundle.js';
import { chooseDesigns } from './choose-designs.js';
import { designBranches } from './design-branches.js';
import { inputOf } from './model-input.js';
import { onnxruntimeVersion } from './onnxruntime-version.js';
import { planEffort } from './plan-effort.js';
import { labelsOf, splitData, targetsOf, trueLabelsOf } from './training-data.js';

/**
 * Attaches branches to a backbone and writes the bundle: cut, train on the frozen backbone, calibrate on
 * held-out pictures, build, check that the bundle answers as the training did, choose the codecs.
 * @param backbone from `loadBackbone`
 * @param out the bundle's folder; a bundle there is replaced
 * @throws OfframpError `MODEL_UNSUPPORTED`, `DATA_INVALID`, `CONFIG_INVALID`, `TRAINING_FAILED`, `IMAGE_INVALID`,
 *   `OUTPUT_FAILED`, `INTERRUPTED`; with `checkpoint` also `FILE_NOT_FOUND` and `CHECKPOINT_INVALID`
 */
export async function augmentBackbone(
  backbone: Backbone,
  dataset: Dataset,
  out: string,
  options: AugmentOptions,
): Promise<AugmentResult> {
  await checkReplaceable(out);
  checkBundleName(options.name);
  const { profile, file, sha256 } = backbone;
  const input = inputOf(profile, options.preprocessing);
  const labels = labelsOf(profile, dataset, options.labels);
  const planned = designBranches(profile, options);
  for (const remark of planned.remarks) options.onRemark?.(remark);
  const { training, heldOut, judged } = splitData(dataset, options, planned.choose);

  if (options.cost === undefined && planned.designs.length > 0) {
    const proof = heldOutProof(heldOut.size, options.agreement, options.delta);
    options.onHeldOut?.(proof, judged ? heldOutBeforeTrial(proof.needed) : proof.needed);
  }
  // Labels are checked before the training, which takes long.
  const trueLabels = heldOut.labelled ? trueLabelsOf(heldOut, labels) : null;
  const targets = targetsOf(training, labels, options.targets);
  const { criterion, epochs, seed, progress, signal } = options;
  const memory = planMemory(profile, options.memoryBytes ?? defaultMemoryBytes);
  const plan: TrainingTask = {
    backbone: profile,
    memory,
    designs: planned.designs,
    ...{ input, training, heldOut, targets, criterion, epochs, seed, progress },
    picturesPerEpoch: training.size,
    ...(signal ? { signal } : {}),
  };
  const data = { description: dataset.description, labels, trueLabels };
  throwIfInterrupted(signal);
  const recipe = await planEffort(plan, judged, out, options);
  const { trialPictures, picturesPerEpoch, codecPictures } = recipe;
  const effort = { trialPictures, facts: options.minutes ? recipeFacts(recipe) : {} };
  const choice = judged
    ? await chooseDesigns({ ...plan, heldOut: judged }, sha256, out, effort, options)
    : null;
  const task = {
    ...plan,
    ...{ epochs: recipe.epochs, picturesPerEpoch },
    designs: choice?.designs ?? plan.designs,
  };
  const write = { ...options, epochs: recipe.epochs, codecPictures };
  if (!options.checkpoint) return trainAndWrite(task, { file, sha256 }, data, out, write);
  const facts = { ...trainingFacts(task, sha256), ...effort.facts, ...choice?.facts };
  const resume = options.checkpoint.resume && !choice?.isNew;
  const checkpointOptions = { ...options.checkpoint, resume };
  const checkpoint = new TrainingCheckpoint(checkpointPathOf(out), facts, checkpointOptions, systemClock);
  return checkpoint.protect(() => trainAndWrite({ ...task, checkpoint }, { file, sha256 }, data, out, write));
}

function checkBundleName(name: string): void {
  if (bundleNameSchema.safeParse(name).success) return;
  throw new OfframpError(
    'CONFIG_INVALID',
    `name: expected 1 to ${maxBundleNameLength} characters; found ${quoted(name)} of ${name.length}`,
  );
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
  options: AugmentOptions & { codecPictures: number },
): Promise<AugmentResult> {
  const { backbone, designs, input, training, heldOut, memory } = task;
  const batchSize = memory.backboneBatch;
  const trained = designs.length > 0 ? await options.trainer(task) : await answersAlone(task);
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
  let chosen: ChosenThresholds = chooseThresholds(calibration, costs, goal);
  options.progress.advance(1);
  expectSavings(backbone, chosen.outcome, { samples: calibration.samples, ...options });

  const contents: BundleContents = {
    ...manifestSoFar,
    policy: { thresholds: chosen.thresholds, targetAgreement: chosen.agreement },
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
        epochs: task.epochs,
        ...(task.picturesPerEpoch < training.size ? { picturesPerEpoch: task.picturesPerEpoch } : {}),
        holdOut: options.holdOut,
        ...(cost === undefined ? { agreement } : { cost }),
        delta: options.delta,
        deviceCost: options.deviceCost,
        memory: memory.total,
        codec: options.codec,
      },
    },
    calibration,
  };
  const bundle = await writeBundle(out, contents, {
    check: (written) => checkBundle(written, heldOut, calibration, { ...options, batchSize }),
    complete: async (written) => {
      const choice = { ...options, limit: options.codecPictures, batchSize };
      const encoded = await chooseEncodings(written, contents, heldOut, choice);
      const learning = { ...codecOptions(out, options), batchSize, goal, memory };
      const added = await addLearnedCodec(written, encoded, { training, heldOut }, learning);
      chosen = added.chosen ?? chosen;
      return added.contents;
    },
  });
  const final = calibration.correct?.at(-1);
  const differentAnswers = new Set(trained.heldOutLabels).size;
  return {
    bundle,
    outcome: chosen.outcome,
    backboneAccuracy: final ? shareOfOnes(final) : null,
    provenAgreement: chosen.agreement,
    differentAnswers,
  };
}

function codecOptions(out: string, options: AugmentOptions) {
  const { codec: mode, epochs, seed, progress, signal, checkpoint, onRemark } = options;
  return {
    ...{ mode, epochs, seed, progress, signal, onRemark },
    augmentation: options.augmentation ?? noAugmentation,
    ...(checkpoint ? { checkpoint: codecCheckpoint(out, checkpoint) } : {}),
  };
}

/** The training of branches may have ended before that of the codec began. */
function codecCheckpoint(out: string, { everyMinutes, resume }: CheckpointOptions) {
  const path = codecCheckpointPathOf(out);
  return { path, everyMinutes, resume: resume && existsSync(path) };
}

/**
 * Thresholds can let samples leave only if the held-out pictures are enough to prove the agreement; otherwise a fleet may
 * still find evidence for lower ones.
 * @throws OfframpError `NO_BRANCH_PAYS`
 */
function expectSavings(
  backbone: BackboneProfile,
  { cost, exitShares }: ThresholdOutcome,
  goal: { samples: number; agreement: number; delta: number; cost?: number | undefined },
): void {
  const { samples, agreement, delta } = goal;
  if (exitShares.length === 1 || cost < 1 || goal.cost !== undefined) return;
  if (!heldOutProof(samples, agreement, delta).isPossible) return;
  const early = 1 - (exitShares.at(-1) ?? 0);
  throw noBranchPays(
    backbone,
    `at agreement ${agreement}, as ${samples} held-out samples prove it, ${percent(early)} of the samples leave early and the cascade costs ${percent(cost)} of the backbone`,
  );
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function shareOfOnes(bits: string): number {
  return bits.length === 0 ? 0 : [...bits].filter((bit) => bit === '1').length / bits.length;
}
