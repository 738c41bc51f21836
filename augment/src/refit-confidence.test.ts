import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  Bundle,
  type CalibrationTable,
  type Dataset,
  exitCosts,
  readBundleContents,
  subsetOf,
  writeBundle,
} from '@offramp/shared';
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
  pictures = await examplePictures(200);
});
afterEach(() => rm(folder, { recursive: true }));

test('new confidences that the calibration table has from other folds, the same answers, thresholds for the same goal', async () => {
  const before = await Bundle.open(example);
  const after = await refitConfidence(directory, pictures, { limit: 20, progress: silent });
  const { provenance, policy } = after.manifest;
  const calibration = await after.readCalibration();
  // The example's branches were chosen by a trial: a fifth of the pictures is left to judge it.
  expect(calibration.samples).toBe(160);
  expect(provenance).toEqual({ ...before.manifest.provenance, calibrationSamples: 160 });
  const { agreement, delta } = provenance.options as { agreement: number; delta: number };
  const expected = chooseThresholds(calibration, exitCosts(after.manifest), { agreement, delta });
  expect(policy).toEqual({ thresholds: expected.thresholds, targetAgreement: agreement });

  const indices = Array.from({ length: pictures.size }, (_, i) => i).filter((i) => i % 5 !== 0);
  const kept = subsetOf(pictures, indices);
  const [said, says] = [await evaluateBundle(before, kept), await evaluateBundle(after, kept)];
  expect(calibration.correct).toEqual(says.correct);
  expect(says.correct).toEqual(said.correct);
  const confidences = (table: CalibrationTable) => table.branches.flatMap(({ confidence }) => confidence);
  const agrees = (table: CalibrationTable) => table.branches.map((branch) => branch.agrees);
  expect(agrees(says)).toEqual(agrees(said));
  expect(agrees(says)).toEqual(agrees(calibration));
  const deployed = confidences(says);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const sameIn = (others: number[]) => others.filter((value, i) => value === deployed[i]).length;
  expect(sameIn(confidences(said))).toBeLessThan(deployed.length / 10);
  expect(sameIn(confidences(calibration))).toBeLessThan(deployed.length / 10);
  // A fitted bias makes them right on average.
  const share = mean(says.branches.flatMap((branch) => [...branch.agrees].map(Number)));
  expect(mean(deployed)).toBeCloseTo(share, 2);
});

test('a bundle without fitted heads is refused', async () => {
  const contents = await readBundleContents(await Bundle.open(directory));
  const stages = contents.stages.map((stage) => ({
    ...stage,
    branch: stage.branch && { ...stage.branch, criterion: 'max-softmax' as const },
  }));
  const { digest } = await writeBundle(directory, { ...contents, stages });
  await expect(refitConfidence(directory, pictures, { progress: silent })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
  expect((await Bundle.open(directory)).digest).toBe(digest);
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
