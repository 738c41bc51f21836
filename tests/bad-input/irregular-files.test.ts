import { cp, mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadBackbone } from '@offramp/augment';
import { Bundle, checkReplaceable } from '@offramp/bundle';
import { openDataset } from '@offramp/data';
import { defineConfig, resolveConfig } from '@offramp/runtime';
import { makeFifo, temporaryFolder } from '@offramp/runtime/testing';
import { describe, expect, it } from 'vitest';
import { expectError, offramp } from '../support/command-line.js';
import { bundlePath } from '../support/example.js';

/** Larger than any file that is read. */
const hugeBytes = 2 ** 34;

/** What may lie where a file is expected, with what an error says of it. */
const irregular: Record<string, { lay(path: string): Promise<unknown>; said: string }> = {
  'a FIFO': { lay: makeFifo, said: 'expected a regular file, found a FIFO' },
  'an endless device': {
    lay: (path) => symlink('/dev/zero', path),
    said: 'expected a regular file, found a device',
  },
  'a file beyond all bounds': {
    lay: async (path) => {
      await writeFile(path, '');
      await truncate(path, hugeBytes);
    },
    said: `bytes, found ${hugeBytes}`,
  },
};

const { manifest } = await Bundle.open(bundlePath);

interface Entrance {
  code: string;
  /** The file, in the folder that is read. */
  file: string;
  read(folder: string): Promise<unknown>;
  /** What the error says, if it is not what is wrong with the file. */
  said?: string;
}

const dataset = (file: string): Entrance => ({
  code: 'DATA_INVALID',
  file,
  read: async (folder) => (await openDataset(folder, { split: 'train' })).read(0),
});

const entrances: Record<string, Entrance> = {
  'a manifest': { code: 'BUNDLE_INVALID', file: 'manifest.json', read: (folder) => Bundle.open(folder) },
  'the manifest of what is replaced': {
    code: 'CONFIG_INVALID',
    file: 'manifest.json',
    read: checkReplaceable,
    said: 'is not a bundle',
  },
  'a stage': {
    code: 'BUNDLE_CORRUPT',
    file: manifest.stages[1]?.model.path ?? '',
    read: async (folder) => (await Bundle.open(folder)).readStages(),
  },
  'a calibration table': {
    code: 'BUNDLE_CORRUPT',
    file: manifest.calibration.table.path,
    read: async (folder) => (await Bundle.open(folder)).readCalibration(),
  },
  'a model': {
    code: 'MODEL_INVALID',
    file: 'model.onnx',
    read: (folder) => loadBackbone(join(folder, 'model.onnx')),
  },
  'a configuration': {
    code: 'FILE_NOT_FOUND',
    file: 'config.yaml',
    read: (folder) => resolveConfig(defineConfig('test', {}), { config: join(folder, 'config.yaml') }),
  },
  'IDX pictures': dataset('train-images-idx3-ubyte'),
  'CIFAR pictures': dataset('data_batch_1.bin'),
  'SVHN pictures': dataset('train.mat'),
  'a NumPy array': dataset('images.npy'),
  'a NumPy archive': { ...dataset('images.npz'), said: 'images.npz' },
  'a picture': dataset('cats/a.png'),
};

describe.each(Object.entries(entrances))('%s', (_, entrance) => {
  it.each(Object.entries(irregular))('that is %s is refused at once', async (_, { lay, said }) => {
    const folder = await temporaryFolder();
    await cp(bundlePath, folder, { recursive: true });
    const path = join(folder, entrance.file);
    await rm(path, { force: true });
    await mkdir(dirname(path), { recursive: true });
    await lay(path);
    await expect(entrance.read(folder)).rejects.toMatchObject({
      code: entrance.code,
      message: expect.stringContaining(entrance.said ?? said),
    });
  });
});

it('a data set that is a FIFO is refused', async () => {
  const path = await makeFifo(join(await temporaryFolder(), 'data'));
  await expect(openDataset(path, { split: 'test' })).rejects.toMatchObject({
    code: 'DATA_INVALID',
    message: expect.stringContaining('expected a file or a folder'),
  });
});

it('a command ends that is given a FIFO', async () => {
  const path = await makeFifo(join(await temporaryFolder(), 'fifo'));
  const ended = await offramp('agent', '--config', path);
  expectError(ended, 'FILE_NOT_FOUND', 'expected a regular file, found a FIFO');
});
