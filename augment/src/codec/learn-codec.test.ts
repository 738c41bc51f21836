import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Bundle,
  CascadePool,
  checkTensor,
  elementsOf,
  encodeTensor,
  evaluateThresholds,
  exitCosts,
  InferencePool,
  learned,
  stageLayout,
} from '@offramp/bundle';
import { neverExit } from '@offramp/contracts';
import { type Dataset, subsetOf } from '@offramp/data';
import { systemClock } from '@offramp/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calibrateBundle } from '../calibrate/calibrate-bundle.js';
import { evaluateBundle } from '../calibrate/evaluate-bundle.js';
import { refitConfidence } from '../calibrate/refit-confidence.js';
import { loadBackbone } from '../inspect/load-backbone.js';
import { pictureBatches } from '../pictures/picture-batches.js';
import { augmentBackbone } from '../pipeline/augment-backbone.js';
import { splitHoldOut } from '../pipeline/hold-out.js';
import { convolutionOptions, exampleModel, examplePictures } from '../testing/example.js';
import { runTo } from './boundary.js';

const silent = { step: () => undefined, advance: () => undefined };
const augmentation = { flip: true, crop: 0 };
/** Steps of a few seconds leave a codec that loses much: it is allowed to. */
const choice = { allowedLoss: 1, limit: 8, progress: silent };

let folder: string;
let training: Dataset;
let heldOut: Dataset;
let bundle: Bundle;
let deviceStages: number;

const learning = (directory: string, resume = false) => ({
  mode: 'auto' as const,
  ...{ training, epochs: 4, seed: 5, augmentation },
  checkpoint: { everyMinutes: 0, resume, path: `${directory}.checkpoint` },
});

const learnInto = (directory: string) =>
  calibrateBundle(directory, heldOut, { ...choice, learn: learning(directory) });

async function copyOf(name: string): Promise<string> {
  const directory = join(folder, name);
  await cp(join(folder, 'plain'), directory, { recursive: true });
  return directory;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-codec-'));
  const pictures = await examplePictures(144);
  const split = splitHoldOut(pictures, 48);
  training = subsetOf(pictures, split.training);
  heldOut = subsetOf(pictures, split.heldOut);
  // Its activation carries an exit's answer, and another boundary follows. A goal of cost leaves samples for the worker.
  await augmentBackbone(await loadBackbone(exampleModel, {}), training, join(folder, 'plain'), {
    ...{ ...convolutionOptions, epochs: 1, branches: 3, deviceCost: 0.6, cost: 0.7, calibration: heldOut },
  });
  bundle = await learnInto(await copyOf('bundle'));
  ({ deviceStages } = bundle.manifest);
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

describe('a learned codec', () => {
  it('is chosen where it takes the fewest bytes, beside the codec for workers that do not take it', () => {
    const { stages, backbone } = bundle.manifest;
    const { learned: found, codec } = stages[deviceStages - 1] ?? {};
    expect(found?.meanBytes).toBeLessThan(codec?.meanBytes ?? 0);
    expect((found?.encoderMacs ?? 1) / backbone.macs).toBeLessThanOrEqual(0.02);
    expect(stages.filter(({ learned: other }) => other)).toHaveLength(1);
  });

  it('goes from the device to the worker as the same bytes alone and in a batch', async () => {
    const layout = stageLayout(bundle.manifest, deviceStages);
    const inputs: Float32Array[] = [];
    for await (const { input } of pictureBatches(heldOut, [0, 1, 2], bundle.manifest.input, 1))
      inputs.push(input);
    const bytesOf = async (threads: number, maxBatch: number) => {
      const cascade = await CascadePool.create(bundle, systemClock, {
        stages: deviceStages,
        threads,
        maxBatch,
      });
      const sample = () => ({ thresholds: neverExit(bundle.branches), passed: [] });
      const ends = await Promise.all(inputs.map((input) => cascade.run(sample(), input)));
      await cascade.close();
      return ends.map((end) => ('code' in end && end.code ? learned.encode(end.code, layout)?.data : null));
    };
    const alone = await bytesOf(1, 1);
    expect(alone).not.toContain(null);
    expect(await bytesOf(2, 3)).toEqual(alone);
  });

  it('is decoded row by row, beside activations of other samples', async () => {
    const layout = stageLayout(bundle.manifest, deviceStages);
    const width = elementsOf(layout.shape);
    const pool = await InferencePool.create(bundle);
    const cascade = await CascadePool.create(bundle, systemClock, { stages: deviceStages });
    try {
      for await (const { input } of pictureBatches(heldOut, [3, 4], bundle.manifest.input, 2)) {
        const one = input.slice(0, input.length / 2);
        const end = await cascade.run({ thresholds: neverExit(bundle.branches), passed: [] }, one);
        if (!('code' in end) || !end.code) throw new Error('expected a code');
        const received = checkTensor('activation', layout, encodeTensor(learned, layout, end.code));
        expect(received.isCode).toBe(true);
        const { activation } = await runTo({ stage: deviceStages }, pool, input.slice(), 2);
        const exact = await pool.run(deviceStages, activation.slice(), 2);
        const mixed = activation.slice();
        received.decodeInto(mixed.subarray(0, width));
        const run = await pool.run(deviceStages, mixed, 2, [0]);
        const classes = bundle.manifest.labels.length;
        const second = [...run.probabilities.slice(classes)];
        [...exact.probabilities.slice(classes)].forEach((value, i) => {
          expect(second[i]).toBeCloseTo(value, 5);
        });
        const first = run.probabilities.slice(0, classes);
        expect(first.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4);
        expect([...first]).not.toEqual([...exact.probabilities.slice(0, classes)]);
      }
      const input = new Float32Array(elementsOf(bundle.manifest.stages[deviceStages + 1]?.inputShape ?? []));
      await expect(pool.run(deviceStages + 1, input, 1, [0])).rejects.toMatchObject({
        code: 'INFERENCE_FAILED',
      });
    } finally {
      await Promise.all([pool.close(), cascade.close()]);
    }
  });

  it('is part of what the thresholds were chosen on, and of what an evaluation finds', async () => {
    const table = await bundle.readCalibration();
    const plain = await (await Bundle.open(join(folder, 'plain'))).readCalibration();
    expect(table.branches.slice(0, deviceStages)).toEqual(plain.branches.slice(0, deviceStages));
    expect(table.finalAgrees).toContain('0');
    const found = await evaluateBundle(bundle, heldOut);
    expect(found.finalAgrees).toBe(table.finalAgrees);
    expect(found.correct?.at(-1)).toBe(table.correct?.at(-1));
    const { policy, stages } = bundle.manifest;
    const { agreement } = evaluateThresholds(table, policy.thresholds, exitCosts(bundle.manifest));
    expect(stages[deviceStages - 1]?.learned?.agreement).toBeCloseTo(agreement, 6);
  });

  it('is the same after an interruption, and leaves no checkpoint behind', async () => {
    const directory = await copyOf('resumed');
    const controller = new AbortController();
    let steps = -1;
    const progress = {
      step: (title: string) => {
        steps = title === 'training the codec' ? 0 : -1;
      },
      advance: () => {
        if (steps >= 0 && ++steps === 2) controller.abort('SIGINT');
      },
    };
    const { signal } = controller;
    await expect(
      calibrateBundle(directory, heldOut, { ...choice, progress, signal, learn: learning(directory) }),
    ).rejects.toMatchObject({ code: 'INTERRUPTED', hint: expect.stringContaining('--resume') });
    expect((await readdir(folder)).filter((name) => name.startsWith('resumed.'))).toHaveLength(1);
    const resumed = await calibrateBundle(directory, heldOut, {
      ...choice,
      learn: learning(directory, true),
    });
    expect(resumed.digest).toBe(bundle.digest);
    expect((await readdir(folder)).filter((name) => name.includes('checkpoint'))).toEqual([]);
  }, 120_000);

  it('stays when codecs of values are chosen again, and when confidence heads are', async () => {
    const directory = join(folder, 'again');
    await cp(join(folder, 'bundle'), directory, { recursive: true });
    const again = await calibrateBundle(directory, heldOut, choice);
    expect(again.manifest.stages[deviceStages - 1]?.learned).toEqual(
      bundle.manifest.stages[deviceStages - 1]?.learned,
    );
    const refitted = await refitConfidence(directory, heldOut, choice);
    expect(refitted.manifest.stages[deviceStages - 1]?.learned?.encoder.sha256).toBe(
      bundle.manifest.stages[deviceStages - 1]?.learned?.encoder.sha256,
    );
    expect((await refitted.readCalibration()).finalAgrees).toContain('0');
  }, 120_000);

  it('is left out where too much is lost behind it', async () => {
    const directory = join(folder, 'strict');
    await cp(join(folder, 'bundle'), directory, { recursive: true });
    const strict = await refitConfidence(directory, heldOut, { ...choice, allowedLoss: 0 });
    expect(strict.manifest.stages.some(({ learned: found }) => found)).toBe(false);
    expect((await strict.readCalibration()).finalAgrees).toBeUndefined();
  }, 120_000);

  it('is refused on other samples than the bundle was calibrated on, before it is trained', async () => {
    const directory = await copyOf('others');
    const learn = learning(directory);
    const fewer = subsetOf(heldOut, [1, 2, 3]);
    const others = subsetOf(training, [...Array(heldOut.size).keys()]);
    await expect(calibrateBundle(directory, fewer, { ...choice, learn })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'data: expected the 48 samples that the bundle was calibrated on, found 3',
    });
    await expect(calibrateBundle(directory, others, { ...choice, learn })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/found others: exit 0 differs on \d+ of them/),
    });
  }, 120_000);
});
