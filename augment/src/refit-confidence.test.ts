import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bundle, type Dataset, exitCosts, subsetOf } from '@offramp/shared';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chooseThresholds } from './calibrate/choose-thresholds.js';
import { evaluateBundle } from './evaluate.js';
import { examplePictures } from './example-testing.js';
import { refitConfidence } from './refit-confidence.js';

const example = fileURLToPath(new URL('../../examples/fashion-mnist/bundle', import.meta.url));
const silent = { step: () => undefined, advance: () => undefined };

let folder: string;
let directory: string;
let pictures: Dataset;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-refit-'));
  directory = join(folder, 'bundle');
  await cp(example, directory, { recursive: true });
  pictures = await examplePictures(400);
});
afterEach(() => rm(folder, { recursive: true }));

test('new confidences, the same answers; thresholds for the same goal', async () => {
  const before = await Bundle.open(directory);
  const probed = subsetOf(
    pictures,
    Array.from({ length: 100 }, (_, i) => i),
  );
  const said = await evaluateBundle(before, probed);
  const after = await refitConfidence(directory, pictures, { progress: silent });
  const says = await evaluateBundle(after, probed);
  says.branches.forEach(({ agrees, confidence }, i) => {
    expect(agrees).toBe(said.branches[i]?.agrees);
    expect(confidence).not.toEqual(said.branches[i]?.confidence);
  });
  expect(says.correct).toEqual(said.correct);

  const calibration = await after.readCalibration();
  // The example's branches were chosen by a trial: a fifth of the pictures is left to judge it.
  expect(calibration.samples).toBe(320);
  expect(after.manifest.provenance.calibrationSamples).toBe(320);
  const { agreement, delta } = after.manifest.provenance.options as { agreement: number; delta: number };
  const expected = chooseThresholds(calibration, exitCosts(after.manifest), { agreement, delta });
  expect(after.manifest.policy.thresholds).toEqual(expected.thresholds);
  expect(after.manifest.provenance.options).toEqual(before.manifest.provenance.options);

  const again = await refitConfidence(directory, pictures, { threads: 2, progress: silent });
  expect(again.manifest.policy).toEqual(after.manifest.policy);
});

test('what the table records of a picture does not come from the head that was fitted on it', async () => {
  const after = await refitConfidence(directory, pictures, { progress: silent });
  const { branches } = await after.readCalibration();
  const kept = subsetOf(
    pictures,
    Array.from({ length: pictures.size }, (_, i) => i).filter((i) => i % 5 !== 0),
  );
  const deployed = await evaluateBundle(after, kept);
  expect(deployed.branches.map(({ agrees }) => agrees)).toEqual(branches.map(({ agrees }) => agrees));
  const recorded = branches.flatMap(({ confidence }) => confidence);
  const same = deployed.branches
    .flatMap(({ confidence }) => confidence)
    .filter((confidence, i) => confidence === recorded[i]);
  expect(same.length).toBeLessThan(recorded.length / 10);
});

test('an interruption leaves the bundle as it was, and nothing beside it', async () => {
  const { digest } = await Bundle.open(directory);
  const controller = new AbortController();
  const progress = { step: () => undefined, advance: () => controller.abort('SIGINT') };
  await expect(
    refitConfidence(directory, pictures, { progress, signal: controller.signal }),
  ).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect((await Bundle.open(directory)).digest).toBe(digest);
  expect(await readdir(folder)).toEqual(['bundle']);
});
