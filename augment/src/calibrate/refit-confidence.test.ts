import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bundle, type CalibrationTable, exitCosts, readBundleContents, writeBundle } from '@offramp/bundle';
import { type Dataset, subsetOf } from '@offramp/data';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { examplePictures } from '../testing/example.js';
import { chooseThresholds } from './choose-thresholds.js';
import { evaluateBundle } from './evaluate-bundle.js';
import { refitConfidence } from './refit-confidence.js';

const example = fileURLToPath(new URL('../../../examples/fashion-mnist/bundle', import.meta.url));
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

test('says before any work that the pictures are too few for the goal, and how many would do', async () => {
  const told: unknown[] = [];
  await refitConfidence(directory, pictures, {
    limit: 1,
    progress: { step: (title) => told.push(title), advance: () => undefined },
    onHeldOut: ({ pictures, isPossible, needed }, heldOut) =>
      told.push({ pictures, isPossible, needed, heldOut }),
  });
  expect(told[0]).toEqual({ pictures: 160, isPossible: false, needed: 267, heldOut: 334 });
});

test('gives new confidences from other folds, the same answers, and thresholds for the same goal', async () => {
  const before = await Bundle.open(example);
  const after = await refitConfidence(directory, pictures, { limit: 20, progress: silent });
  const { provenance, policy } = after.manifest;
  const calibration = await after.readCalibration();
  // The example's branches were chosen by a trial, for which a fifth of the pictures is left out.
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

test('a bundle without fitted heads is rejected', async () => {
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

test('an interruption changes nothing, and leaves no files behind', async () => {
  const { digest } = await Bundle.open(directory);
  const controller = new AbortController();
  const progress = { step: () => undefined, advance: () => controller.abort('SIGINT') };
  await expect(
    refitConfidence(directory, pictures, { progress, signal: controller.signal }),
  ).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect((await Bundle.open(directory)).digest).toBe(digest);
  expect(await readdir(folder)).toEqual(['bundle']);
});
