import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bundle, elementsOf } from '@offramp/bundle';
import { afterEach, beforeEach, expect, test } from 'vitest';
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
  const pictures = await examplePictures(200);
  const allowedLoss = 0.01;
  const after = await calibrateBundle(directory, pictures, { allowedLoss, progress: silent });
  expect(after.digest).not.toBe(before.digest);
  const plain = ({ manifest }: Bundle) => ({
    ...manifest,
    stages: manifest.stages.map(({ codec: _, ...stage }) => stage),
  });
  expect(plain(after)).toEqual(plain(before));
  expect(after.manifest.stages.at(-1)?.codec).toBeUndefined();
  for (const { codec, activationShape } of after.manifest.stages.slice(0, -1)) {
    expect(codec?.agreementLost).toBeLessThanOrEqual(allowedLoss);
    expect(codec?.meanBytes).toBeLessThan(elementsOf(activationShape ?? []));
    expect(codec?.agreement).toBeGreaterThan(0.9);
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
