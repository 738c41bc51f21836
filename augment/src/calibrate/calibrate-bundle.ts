import { Bundle, type BundleContents, readBundleContents, writeBundle } from '@offramp/bundle';
import { type Dataset, subsetOf } from '@offramp/data';
import { splitForTrial } from '../branches/choose-by-trial.js';
import { type AddCodecOptions, addLearnedCodec } from './add-learned-codec.js';
import { type ChooseCodecsOptions, chooseCodecs } from './choose-codecs.js';
import { choosePictures } from './choose-pictures.js';
import { decodedTables } from './decoded-table.js';
import { recordedGoal } from './recorded-goal.js';

export interface CalibrateOptions extends ChooseCodecsOptions {
  /** Trains a codec for the default boundary. Default: the bundle keeps the one that it has. */
  learn?: Omit<AddCodecOptions, keyof ChooseCodecsOptions | 'goal'> & {
    /** Samples to train on. */
    training: Dataset;
  };
}

/**
 * Chooses the codecs of an existing bundle and rewrites it, which changes its digest. With `learn`, thresholds are chosen again,
 * for the goal that the bundle was made for.
 * @param dataset samples that no part of the bundle was trained on; with `learn`, those that it was calibrated on
 * @throws OfframpError `FILE_NOT_FOUND`, `BUNDLE_INVALID`, `BUNDLE_CORRUPT`, `DATA_INVALID`, `IMAGE_INVALID`,
 *   `INFERENCE_FAILED`, `OUTPUT_FAILED`, `INTERRUPTED`; with `learn` also `CONFIG_INVALID`, `TRAINING_FAILED`,
 *   `CHECKPOINT_INVALID`; the bundle is unchanged then
 */
export async function calibrateBundle(
  directory: string,
  dataset: Dataset,
  options: CalibrateOptions,
): Promise<Bundle> {
  const bundle = await Bundle.open(directory);
  const before = await readBundleContents(bundle);
  const { learn, ...choice } = options;
  if (!learn) return writeBundle(directory, await chooseEncodings(bundle, before, dataset, choice));
  const heldOut = calibrationSamples(bundle, dataset);
  // Before the training, which takes long.
  const recorded = { dataset: heldOut, table: before.calibration, behind: null };
  await decodedTables(bundle, before.deviceStages, [], recorded, choice);
  const { training, ...learning } = learn;
  const contents = await chooseEncodings(bundle, before, heldOut, choice);
  const goal = recordedGoal(bundle.manifest);
  const added = await addLearnedCodec(
    bundle,
    contents,
    { training, heldOut },
    { ...choice, ...learning, goal },
  );
  return writeBundle(directory, added.contents);
}

/** If a trial chose the bundle's branches, the samples that judged it are left out. */
function calibrationSamples({ manifest }: Bundle, dataset: Dataset): Dataset {
  const hasTrial = manifest.provenance.options.placement === 'auto';
  if (!hasTrial || dataset.size === manifest.calibration.samples) return dataset;
  return subsetOf(dataset, splitForTrial(dataset.size).rest);
}

/**
 * Chooses how activations and pictures are encoded for the wire, at every stage boundary.
 * @param bundle with these contents, as far as they determine answers
 * @param dataset pictures that no part of the bundle was trained on
 * @throws as {@link calibrateBundle}
 */
export async function chooseEncodings(
  bundle: Bundle,
  contents: BundleContents,
  dataset: Dataset,
  options: ChooseCodecsOptions,
): Promise<BundleContents> {
  const codecs = bundle.branches > 0 ? await chooseCodecs(bundle, dataset, options) : [];
  const pictures = await choosePictures(bundle, dataset, options);
  return {
    ...contents,
    stages: contents.stages.map(({ codec: _, pictures: __, ...stage }, i) => ({
      ...stage,
      ...(codecs[i] ? { codec: codecs[i] } : {}),
      ...(pictures[i] ? { pictures: pictures[i] } : {}),
    })),
  };
}
