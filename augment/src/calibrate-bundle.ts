import {
  type ActivationCodecManifest,
  Bundle,
  type BundleContents,
  type Dataset,
  readBundleContents,
  writeBundle,
} from '@offramp/shared';
import { type ChooseCodecsOptions, chooseCodecs } from './calibrate/choose-codecs.js';

/**
 * Chooses the codecs of an existing bundle, and writes it again with them: its digest is another one then.
 * @param dataset pictures that trained nothing of the bundle
 * @throws OfframpError `FILE_NOT_FOUND`, `BUNDLE_INVALID`, `BUNDLE_CORRUPT`, `DATA_INVALID`, `IMAGE_INVALID`,
 *   `INFERENCE_FAILED`, `OUTPUT_FAILED`, `INTERRUPTED`: the bundle is as it was
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

/** @param codecs one per stage; `undefined`: none is named, which means float32 */
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
