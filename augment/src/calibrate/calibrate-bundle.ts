import {
  type ActivationCodecManifest,
  Bundle,
  type BundleContents,
  readBundleContents,
  writeBundle,
} from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import { type ChooseCodecsOptions, chooseCodecs } from './choose-codecs.js';

/**
 * Chooses the codecs of an existing bundle and rewrites it, which changes its digest.
 * @param dataset pictures that no part of the bundle was trained on
 * @throws OfframpError `FILE_NOT_FOUND`, `BUNDLE_INVALID`, `BUNDLE_CORRUPT`, `DATA_INVALID`, `IMAGE_INVALID`,
 *   `INFERENCE_FAILED`, `OUTPUT_FAILED`, `INTERRUPTED`; the bundle is unchanged then
 */
export async function calibrateBundle(
  directory: string,
  dataset: Dataset,
  options: ChooseCodecsOptions,
): Promise<Bundle> {
  const bundle = await Bundle.open(directory);
  const codecs = await chooseCodecs(bundle, dataset, options);
  return writeBundle(directory, withCodecs(await readBundleContents(bundle), codecs));
}

/** @param codecs one per stage; `undefined` means float32 */
export function withCodecs(
  contents: BundleContents,
  codecs: readonly (ActivationCodecManifest | undefined)[],
): BundleContents {
  return {
    ...contents,
    stages: contents.stages.map(({ codec: _, ...stage }, i) => {
      const codec = codecs[i];
      return codec ? { ...stage, codec } : stage;
    }),
  };
}
