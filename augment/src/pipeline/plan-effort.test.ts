import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dataset } from '@offramp/data';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EffortEstimate } from '../effort/recipe.js';
import { type Backbone, loadBackbone } from '../inspect/load-backbone.js';
import { convolutionOptions, examplePictures, writeSmallBackbone } from '../testing/example.js';
import { augmentBackbone } from './augment-backbone.js';
import type { AugmentOptions } from './augment-options.js';

let folder: string;
let models: string;
let pictures: Dataset;
let backbone: Backbone;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-effort-'));
  pictures = await examplePictures(300);
  models = await mkdtemp(join(tmpdir(), 'offramp-models-'));
  backbone = await loadBackbone(await writeSmallBackbone(models));
});
afterAll(async () => {
  for (const path of [folder, models]) await rm(path, { recursive: true, force: true });
});

const options: AugmentOptions = { ...convolutionOptions, placement: 'auto', epochs: 2, holdOut: 100 };

/** Begins, notes what happens, and stops at the first step of this title. */
async function beginning(own: Partial<AugmentOptions>, stopAt: RegExp) {
  const controller = new AbortController();
  const titles: string[] = [];
  const estimates: EffortEstimate[] = [];
  const attempt = augmentBackbone(backbone, pictures, join(folder, 'bundle'), {
    ...options,
    ...own,
    signal: controller.signal,
    progress: {
      step(title) {
        titles.push(title);
        if (stopAt.test(title)) controller.abort('SIGINT');
      },
      advance: () => undefined,
    },
    onEstimate: (estimate) => estimates.push(estimate),
  });
  const error: unknown = await attempt.then(
    () => null,
    (reason: unknown) => reason,
  );
  return { titles, estimates, error };
}

describe('planEffort', () => {
  it('tells, before the long part, what time and memory go into', async () => {
    const { titles, estimates, error } = await beginning({ minutes: 600 }, /^trial/);
    expect(error).toMatchObject({ code: 'INTERRUPTED' });
    expect(titles.slice(0, 2)).toEqual(['rehearsing', expect.stringMatching(/^trial: /)]);
    const [estimate] = estimates;
    expect(estimate?.isShortened).toBe(false);
    expect(estimate?.recipe).toMatchObject({ trialPictures: 200, epochs: 2, picturesPerEpoch: 200 });
    expect(estimate?.time.map(({ title }) => title)).toEqual([
      'trial',
      'training',
      'held-out samples',
      'checking the bundle',
      'choosing codecs',
    ]);
    for (const { ms } of estimate?.time ?? []) expect(ms).toBeGreaterThan(0);
    expect(estimate?.memory.total).toBe(2 * 2 ** 30);
  });

  it('rehearses no training of seconds', async () => {
    const { titles, estimates } = await beginning({ placement: 'linear' }, /^training/);
    expect(titles).toEqual(['training the branches']);
    expect(estimates).toEqual([]);
  });

  it('refuses a time in which nothing can be trained, before the training', async () => {
    const { titles, error } = await beginning({ minutes: 0.001 }, /never/);
    expect(titles).toEqual(['rehearsing']);
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/^--minutes: expected at least \d+/),
    });
  });

  it('resumes with the recipe that was fitted, and without another rehearsal', async () => {
    const checkpoint = { everyMinutes: 0, resume: false };
    const placed = { placement: 'linear', epochs: 1 } as const;
    const first = await beginning({ ...placed, minutes: 60, checkpoint }, /^running held-out samples/);
    expect(first.error).toMatchObject({ code: 'INTERRUPTED' });
    expect(await readdir(folder)).toEqual(['bundle.checkpoint']);
    const resumed = { ...placed, checkpoint: { ...checkpoint, resume: true } };
    const without = await beginning(resumed, /never/);
    expect(without.error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(/recipe/) });
    const second = await beginning({ ...resumed, minutes: 10 }, /never/);
    expect(second.error).toBeNull();
    expect(second.titles).not.toContain('rehearsing');
  });
});
