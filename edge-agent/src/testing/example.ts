import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ActivationCodecManifest,
  Bundle,
  InferencePool,
  manifestFileName,
  runStage,
} from '@offramp/bundle';
import type { ExitOutcome } from '@offramp/contracts';
import { openDataset, type Packing, pictureChannels, preprocess } from '@offramp/data';
import { temporaryFolder } from '@offramp/runtime/testing';

const example = new URL('../../../examples/fashion-mnist/', import.meta.url);

export const exampleBundleDirectory = fileURLToPath(new URL('bundle', example));
export const exampleData = fileURLToPath(new URL('data', example));

/**
 * The example's bundle with this codec for every activation, and these packings of pictures, best first. Its folder is
 * removed after the running test.
 */
export async function bundleWithCodec(
  codec: Pick<ActivationCodecManifest, 'encoding' | 'step'> & { meanBytes?: number },
  packings: readonly Packing[] = [],
): Promise<Bundle> {
  const folder = await temporaryFolder();
  await cp(exampleBundleDirectory, folder, { recursive: true });
  const path = join(folder, manifestFileName);
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  for (const stage of manifest.stages.slice(0, -1)) {
    stage.codec = { meanBytes: 0, ...codec, agreement: 1, agreementLost: 0 };
  }
  const pictures = packings.map((packing) => ({
    ...packing,
    meanBytes: 500,
    agreement: 1,
    agreementLost: 0,
  }));
  for (const stage of manifest.stages) {
    if (pictures.length > 0) stage.pictures = pictures;
    else delete stage.pictures;
  }
  await writeFile(path, JSON.stringify(manifest));
  return Bundle.open(folder);
}

/** The first `count` test pictures as inputs of the model. */
export async function exampleInputs(bundle: Bundle, count: number): Promise<Float32Array[]> {
  const { input } = bundle.manifest;
  const dataset = await openDataset(exampleData, { split: 'test', channels: pictureChannels(input) });
  const pictures = await Promise.all(Array.from({ length: count }, (_, i) => dataset.read(i)));
  return Promise.all(pictures.map(({ picture }) => preprocess(picture, input)));
}

export interface Reference {
  /** The cascade's answer. */
  outcome: ExitOutcome;
  /** The outcome of every exit; the final one last. */
  exits: ExitOutcome[];
}

/** Runs the whole cascade here, on the first `count` test pictures. */
export async function referenceAnswers(
  bundle: Bundle,
  thresholds: readonly number[],
  count: number,
): Promise<Reference[]> {
  const pool = await InferencePool.create(bundle);
  try {
    const references: Reference[] = [];
    for (const input of await exampleInputs(bundle, count)) {
      const sample = { thresholds: thresholds.map(() => 2), passed: [] as ExitOutcome[] };
      let activation = input;
      for (let stage = 0; stage <= bundle.branches; stage++) {
        const step = await runStage(pool, stage, [sample], activation);
        activation = step.activation;
        if (step.answered[0]) sample.passed.push(step.answered[0].outcome);
      }
      const exits = sample.passed;
      const left = exits.findIndex(
        ({ exit, confidence }) => confidence >= Math.fround(thresholds[exit] ?? 0),
      );
      references.push({ outcome: exits[left] as ExitOutcome, exits });
    }
    return references;
  } finally {
    await pool.close();
  }
}
