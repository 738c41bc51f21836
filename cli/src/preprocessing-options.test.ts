import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackboneProfile } from '@offramp/augment';
import { defineConfig, resolveConfig } from '@offramp/runtime';
import { describe, expect, it, onTestFinished } from 'vitest';
import { preprocessingOptions, resolvePreprocessing } from './preprocessing-options.js';

type Input = BackboneProfile['input'];
const pictures: Input = { name: 'x', kind: 'picture', shape: [3, 8, 8], type: 'float32' };
const bytes: Input = { ...pictures, type: 'uint8' };
const tensors: Input = { name: 'x', kind: 'tensor', shape: [3, 256], type: 'float32' };

/** Resolves options and preprocessing like `offramp augment`. */
const resolve = async (
  flags: Record<string, unknown>,
  environment: Record<string, string> = {},
  input = pictures,
) =>
  resolvePreprocessing(
    await resolveConfig(defineConfig('augment', preprocessingOptions), flags, environment),
    input,
  );

async function file(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'offramp-preprocessing-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'imagenet.yaml');
  await writeFile(path, text);
  return path;
}

describe('preprocessing options', () => {
  it('may be only mean and std, and then contain nothing else', async () => {
    expect(await resolve({ mean: '0.1,0.2', std: ['0.3', '0.4'] })).toEqual({
      mean: [0.1, 0.2],
      std: [0.3, 0.4],
    });
  });

  it('come from a file, with dashes or not', async () => {
    const path = await file(
      'mean: [104, 117, 124]\nstd: [1, 1, 1]\nresize-mode: fit-crop\nresize: 256\nchannelOrder: bgr\nscale: raw\n',
    );
    expect(await resolve({ preprocessing: path })).toEqual({
      ...{ mean: [104, 117, 124], std: [1, 1, 1] },
      ...{ resizeMode: 'fit-crop', resize: 256, channelOrder: 'bgr', scale: 'raw' },
    });
  });

  it('from flags and environment override the file', async () => {
    const path = await file('mean: [1]\nstd: [2]\nresizeMode: fit-crop\nresize: 64\n');
    const environment = { OFFRAMP_AUGMENT_RESIZE: '48', OFFRAMP_AUGMENT_PREPROCESSING: path };
    expect(await resolve({ mean: '0.5', resizeMode: 'stretch' }, environment)).toEqual({
      ...{ mean: [0.5], std: [2], resizeMode: 'stretch', resize: 48 },
    });
  });

  it.each([
    ['mean: [1]', /--std: expected a value; found nothing/],
    ['mean: [1]\nstd: [0]', /std in .*imagenet\.yaml: .*>=0.000001; found \[0\]/],
    [
      'mean: [1]\nstd: [1]\nresize-mode: pad',
      /resize-mode in .*imagenet\.yaml: expected one of .*; found "pad"/,
    ],
    [
      'mean: [1]\nstd: [1]\nsize: 3',
      /imagenet\.yaml: unknown option size; expected one of mean, std, resizeMode/,
    ],
    ['mean: [0.5, 116]\nstd: [1, 1]', /--mean: expected values from 0 to 1.*; found 116/],
    ['- 1', /imagenet\.yaml: expected option names with values/],
  ])('report an error in the file: %j', async (text, message) => {
    const attempt = resolve({ preprocessing: await file(text) });
    await expect(attempt).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });

  it('report a missing file, and that mean and std are required', async () => {
    await expect(resolve({ preprocessing: 'none.yaml' })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(resolve({})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('--mean: expected a value; found nothing'),
    });
  });

  it('are not needed for pictures that the model takes as bytes', async () => {
    const raw = { scale: 'raw', mean: [0, 0, 0], std: [1, 1, 1] };
    expect(await resolve({}, {}, bytes)).toEqual(raw);
    expect(await resolve({ channelOrder: 'bgr' }, {}, bytes)).toEqual({ ...raw, channelOrder: 'bgr' });
    expect(await resolve({ mean: '0.5', std: '0.5' }, {}, bytes)).toEqual({ mean: [0.5], std: [0.5] });
  });

  it('of tensors are a mean and a deviation of any size, or none', async () => {
    expect(await resolve({}, {}, tensors)).toBeNull();
    expect(await resolve({ mean: '-4e7', std: '3e-9' }, {}, tensors)).toEqual({ mean: [-4e7], std: [3e-9] });
    const path = await file('mean: [1, 2, 3]\nstd: [4]\n');
    expect(await resolve({ preprocessing: path }, {}, tensors)).toEqual({ mean: [1, 2, 3], std: [4] });
    await expect(resolve({ mean: '1' }, {}, tensors)).rejects.toThrow(
      /--std: expected a value; found nothing/,
    );
    await expect(resolve({ std: '-1' }, {}, tensors)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
