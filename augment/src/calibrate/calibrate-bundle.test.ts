import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bundle, elementsOf, InferencePool, type PictureInput, runStage } from '@offramp/bundle';
import { neverExit } from '@offramp/contracts';
import { normalise, type Packing, repackPicture } from '@offramp/data';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { examplePictures } from '../testing/example.js';
import { calibrateBundle } from './calibrate-bundle.js';

const example = fileURLToPath(new URL('../../../examples/fashion-mnist/bundle', import.meta.url));
const silent = { step: () => undefined, advance: () => undefined };

let folder: string;
let directory: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-calibrate-'));
  directory = join(folder, 'bundle');
  await cp(example, directory, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

test('every boundary gets the smallest codec within the allowed loss; nothing else changes', async () => {
  const before = await Bundle.open(directory);
  const pictures = await examplePictures(40);
  const allowedLoss = 0.05;
  const after = await calibrateBundle(directory, pictures, { allowedLoss, progress: silent });
  expect(after.digest).not.toBe(before.digest);
  const plain = ({ manifest }: Bundle) => ({
    ...manifest,
    stages: manifest.stages.map(({ codec: _, pictures: __, ...stage }) => stage),
  });
  expect(plain(after)).toEqual(plain(before));
  expect(after.manifest.stages.at(-1)?.codec).toBeUndefined();
  for (const { codec, activationShape } of after.manifest.stages.slice(0, -1)) {
    expect(codec?.agreementLost).toBeLessThanOrEqual(allowedLoss);
    expect(codec?.meanBytes).toBeLessThan(elementsOf(activationShape ?? []));
    expect(codec?.agreement).toBeGreaterThan(0.9);
  }
  for (const { pictures = [] } of after.manifest.stages) {
    const bytes = pictures.map(({ meanBytes }) => meanBytes);
    expect(bytes).toEqual([...bytes].sort((a, b) => a - b));
    const forms = pictures.map(({ form }) => form);
    expect(new Set(forms).size).toBe(forms.length);
    expect(forms).toEqual(expect.arrayContaining(['uint8+deflate', 'webp-lossless']));
    for (const { form, agreementLost, agreement } of pictures) {
      const isLossless = form === 'uint8+deflate' || form === 'webp-lossless';
      expect(agreementLost).toBeLessThanOrEqual(isLossless ? 0 : allowedLoss);
      expect(agreement).toBeGreaterThan(0.9);
    }
  }
  // The same pictures give the same result; a smaller allowed loss needs more bytes.
  const bytesOf = ({ manifest }: Bundle) =>
    manifest.stages.slice(0, -1).map(({ codec }) => codec?.meanBytes ?? Number.NaN);
  const again = await calibrateBundle(directory, pictures, { allowedLoss, threads: 2, progress: silent });
  expect(again.digest).toBe(after.digest);
  const strict = await calibrateBundle(directory, pictures, { allowedLoss: 0, progress: silent });
  bytesOf(strict).forEach((bytes, i) => {
    expect(bytes).toBeGreaterThanOrEqual(bytesOf(after)[i] as number);
  });
  const qualityOf = ({ manifest }: Bundle) =>
    manifest.stages.map(({ pictures = [] }) =>
      pictures.map((each) => ('quality' in each ? each.quality : 0)),
    );
  expect(qualityOf(strict)).not.toEqual(qualityOf(after));
});

test('what is recorded of a packing is what sending pictures so loses', async () => {
  const pictures = await examplePictures(40);
  const { manifest, branches } = await calibrateBundle(directory, pictures, {
    progress: silent,
    allowedLoss: 0.04,
  });
  const { input, policy, stages } = manifest;
  const bundle = await Bundle.open(directory);
  const pool = await InferencePool.create(bundle);
  onTestFinished(() => pool.close());
  const answer = async (pixels: Uint8Array, thresholds: readonly number[]) => {
    const sample = { thresholds, passed: [] };
    let activation = normalise(pixels, input);
    for (let stage = 0; ; stage++) {
      const step = await runStage(pool, stage, [sample], activation);
      const [answered] = step.answered;
      if (answered) return answered.outcome.label;
      activation = step.activation;
    }
  };
  const jpeg = stages[0]?.pictures?.find(({ form }) => form === 'jpeg');
  let bytes = 0;
  let agreed = 0;
  for (let index = 0; index < pictures.size; index++) {
    const pixels = (await pictures.readFitted(index, input)).values as Uint8Array;
    const packed = await repackPicture(pixels, input as PictureInput, jpeg as Packing);
    bytes += packed.bytes;
    const label = await answer(pixels, neverExit(branches));
    if ((await answer(packed.pixels, policy.thresholds)) === label) agreed++;
  }
  expect(jpeg?.meanBytes).toBeCloseTo(bytes / pictures.size, 0);
  expect(jpeg?.agreement).toBeCloseTo(agreed / pictures.size, 9);
});

test('an interruption changes nothing, and leaves no files behind', async () => {
  const { digest } = await Bundle.open(directory);
  const controller = new AbortController();
  const progress = { step: () => undefined, advance: () => controller.abort('SIGINT') };
  const pictures = await examplePictures(200);
  await expect(
    calibrateBundle(directory, pictures, { progress, signal: controller.signal }),
  ).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect((await Bundle.open(directory)).digest).toBe(digest);
  expect(await readdir(folder)).toEqual(['bundle']);
});
