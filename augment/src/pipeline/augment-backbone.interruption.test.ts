import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bundle } from '@offramp/bundle';
import { type Dataset, subsetOf } from '@offramp/data';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProgressListener } from '../branches/branch-trainer.js';
import { checkpointPathOf } from '../checkpoint/training-checkpoint.js';
import { loadBackbone } from '../inspect/load-backbone.js';
import {
  convolutionOptions,
  examplePictures,
  pooledOptions,
  writeSmallBackbone,
} from '../testing/example.js';
import { augmentBackbone } from './augment-backbone.js';
import type { AugmentOptions } from './augment-options.js';

const options: AugmentOptions = {
  ...convolutionOptions,
  epochs: 2,
  holdOut: 100,
  checkpoint: { everyMinutes: 0, resume: false },
};
const { bodies, reuse, trainer } = pooledOptions;
const pooled: Partial<AugmentOptions> = { bodies, reuse, trainer };

/** Gives the signal when a step has come so far. */
function interruptAt(title: RegExp, count: number) {
  const controller = new AbortController();
  const titles: string[] = [];
  let done = 0;
  const progress: ProgressListener = {
    step(next) {
      titles.push(next);
      done = 0;
    },
    advance() {
      done++;
      if (done === count && title.test(titles.at(-1) ?? '')) controller.abort('SIGINT');
    },
  };
  return { progress, titles, signal: controller.signal };
}

let folder: string;
let models: string;
let model: string;
let pictures: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-interruption-'));
  models = await mkdtemp(join(tmpdir(), 'offramp-models-'));
  model = await writeSmallBackbone(models);
  pictures = await examplePictures(270);
});
afterAll(async () => {
  for (const path of [folder, models]) await rm(path, { recursive: true, force: true });
});

describe('an interrupted augmentBackbone', () => {
  it('goes on from its checkpoint to the same bundle, wherever it was stopped', async () => {
    const out = join(folder, 'graph');
    const whole = await augmentBackbone(await loadBackbone(model), pictures, out, options);
    await rm(out, { recursive: true });
    // Epochs have 5 steps of 32 pictures each: in the middle of one, after one, and after the training.
    for (const [title, count, resume] of [
      [/training the branches/, 3, false],
      [/training the branches/, 2, true],
      [/running held-out samples/, 1, true],
      [/checking the bundle/, 1, true],
    ] as const) {
      const interruption = interruptAt(title, count);
      const attempt = augmentBackbone(await loadBackbone(model), pictures, out, {
        ...options,
        ...interruption,
        checkpoint: { everyMinutes: 0, resume },
      });
      await expect(attempt).rejects.toMatchObject({ code: 'INTERRUPTED', cause: 'SIGINT' });
      expect(interruption.titles.at(-1)).toMatch(title);
      expect(await readdir(folder)).toEqual(['graph.checkpoint']);
    }
    const { bundle } = await augmentBackbone(await loadBackbone(model), pictures, out, {
      ...options,
      checkpoint: { everyMinutes: 0, resume: true },
    });
    expect(bundle.digest).toBe(whole.bundle.digest);
    expect(await readdir(folder)).toEqual(['graph']);
  });

  it('goes on with a trial, and with the branches that it chose without a second one', async () => {
    const out = join(folder, 'auto');
    const auto = { ...options, placement: 'auto', epochs: 1, branches: 2 } as const;
    const whole = await augmentBackbone(await loadBackbone(model), pictures, out, auto);
    await rm(out, { recursive: true });
    const resumed = { ...auto, checkpoint: { everyMinutes: 0, resume: true } };
    for (const [title, count, begin] of [
      [/^trial: training the branches/, 2, auto],
      [/^trial: running held-out/, 1, resumed],
      [/^training the branches/, 2, resumed],
    ] as const) {
      const interruption = interruptAt(title, count);
      await expect(
        augmentBackbone(await loadBackbone(model), pictures, out, { ...begin, ...interruption }),
      ).rejects.toThrow(/training so far/);
      expect(interruption.titles[0]).toMatch(/^trial: /);
      expect(interruption.titles.at(-1)).toMatch(title);
    }
    await expect(
      augmentBackbone(await loadBackbone(model), pictures, out, { ...resumed, agreement: 0.7 }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/placement auto.*agreement 0.8 .*now auto.*agreement 0.7 /),
    });
    const second = interruptAt(/never/, 0);
    const { bundle } = await augmentBackbone(await loadBackbone(model), pictures, out, {
      ...resumed,
      progress: second.progress,
    });
    expect(second.titles.filter((title) => title.startsWith('trial'))).toEqual([]);
    expect(bundle.digest).toBe(whole.bundle.digest);
  });

  it('refuses a checkpoint of other options or pictures, naming them', async () => {
    const out = join(folder, 'other');
    const { progress, signal } = interruptAt(/training the branches/, 1);
    await expect(
      augmentBackbone(await loadBackbone(model), pictures, out, { ...options, progress, signal }),
    ).rejects.toThrow();
    expect(existsSync(checkpointPathOf(out))).toBe(true);
    const resumed = { ...options, checkpoint: { everyMinutes: 0, resume: true } };
    const fewer = subsetOf(
      pictures,
      Array.from({ length: 260 }, (_, i) => i),
    );
    await expect(
      augmentBackbone(await loadBackbone(model), pictures, out, { ...resumed, seed: 4 }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/of another training: seed 3, now 4$/),
    });
    await expect(augmentBackbone(await loadBackbone(model), fewer, out, resumed)).rejects.toThrow(
      /pictures 170, now 160/,
    );
    await expect(
      augmentBackbone(await loadBackbone(model), pictures, out, { ...resumed, ...pooled }),
    ).rejects.toThrow(/trainer graph, now pool/);
    await rm(checkpointPathOf(out));
  });

  it('leaves what it found, also without a checkpoint', async () => {
    const out = join(folder, 'pool');
    const again = { ...options, ...pooled, epochs: 1 };
    const { bundle } = await augmentBackbone(await loadBackbone(model), pictures, out, again);
    const before = await readdir(folder);
    for (const title of [
      /running the backbone$/,
      /training branch 2/,
      /running the backbone on held-out/,
      /fitting confidence/,
      /checking the bundle/,
    ]) {
      const { progress, signal, titles } = interruptAt(title, 1);
      await expect(
        augmentBackbone(await loadBackbone(model), pictures, out, { ...again, progress, signal }),
      ).rejects.toMatchObject({ code: 'INTERRUPTED' });
      expect(titles.at(-1)).toMatch(title);
      expect(await readdir(folder)).toEqual(before);
      expect((await Bundle.open(out)).digest).toBe(bundle.digest);
    }
  });
});
