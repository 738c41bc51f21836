import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openDataset } from './open-dataset.js';
import type { Split } from './split.js';
import { bytesOfNumbers, matFile, npyFile, npzFile } from './testing/array-files.js';
import { idxFile } from './testing/data-files.js';
import { folderOf } from './testing/folder-of.js';

const side = 32;
const area = side * side;
/** In class order, as folders of classes have them. */
const labelsOf = { train: [3], test: [0, 1, 1, 9] };

/** No symmetry, no two channels alike, and another for every picture. */
const sampleOf = (split: Split, picture: number, y: number, x: number, channel: number) =>
  (7 * y + 3 * x + 91 * channel + 50 * picture + (split === 'train' ? 128 : 0)) % 256;

/** All samples of a split, picture by picture, in the order that the axes are named. */
function samples(split: Split, channels: 1 | 3, axes: 'yxc' | 'cyx' | 'cxy'): Uint8Array {
  const sizes = { y: side, x: side, c: channels };
  const [a, b, c] = [...axes] as ['y' | 'x' | 'c', 'y' | 'x' | 'c', 'y' | 'x' | 'c'];
  const values: number[] = [];
  for (const picture of labelsOf[split].keys()) {
    for (let i = 0; i < sizes[a]; i++) {
      for (let j = 0; j < sizes[b]; j++) {
        for (let k = 0; k < sizes[c]; k++) {
          const at = { [a]: i, [b]: j, [c]: k } as { y: number; x: number; c: number };
          values.push(sampleOf(split, picture, at.y, at.x, at.c));
        }
      }
    }
  }
  return Uint8Array.from(values);
}

const unitFloats = (bytes: Uint8Array) => bytesOfNumbers(Float32Array.from(bytes, (value) => value / 255));
const labelBytes = (split: Split) => Uint8Array.from(labelsOf[split]);
const labelLongs = (split: Split) => bytesOfNumbers(BigInt64Array.from(labelsOf[split], BigInt));

interface Kind {
  channels: 1 | 3;
  labelled?: false;
  /** The files that hold a split. */
  files(split: Split): Record<string, Uint8Array> | Promise<Record<string, Uint8Array>>;
}

function cifar(file: Record<Split, string>, coarse: number[]): Kind {
  return {
    channels: 3,
    files: (split) => {
      const planes = samples(split, 3, 'cyx');
      const records = labelsOf[split].map((label, i) =>
        Buffer.concat([Buffer.from([...coarse, label]), planes.subarray(i * 3 * area, (i + 1) * 3 * area)]),
      );
      return { [file[split]]: Buffer.concat(records) };
    },
  };
}

function svhn(compress: boolean): Kind {
  return {
    channels: 3,
    files: (split) => {
      const count = labelsOf[split].length;
      const y = Uint8Array.from(labelsOf[split], (label) => label || 10);
      // MATLAB drops a last dimension of 1, and stores small whole numbers of class double (6) in one byte.
      const dimensions = [side, side, 3, ...(count === 1 ? [] : [count])];
      const variables = [
        { name: 'X', dimensions, type: 'u1' as const, data: samples(split, 3, 'cxy') },
        { name: 'y', dimensions: [count, 1], type: 'u1' as const, data: y, arrayClass: 6 },
      ];
      return { [`${split}_32x32.mat`]: matFile(variables, { compress }) };
    },
  };
}

function png(path: (split: Split, label: number, picture: number) => string, channels: 1 | 3): Kind {
  const size = area * channels;
  return {
    channels,
    files: async (split) => {
      const all = samples(split, channels, 'yxc');
      const files = labelsOf[split].map(async (label, i): Promise<[string, Uint8Array]> => {
        const raw = { height: side, width: side, channels };
        const image = sharp(all.subarray(i * size, (i + 1) * size), { raw });
        return [path(split, label, i), await image.png().toBuffer()];
      });
      // All ten classes are there, so that the labels count as elsewhere.
      const classes = Array.from({ length: 10 }, (_, label): [string, Uint8Array] => [
        join(path(split, label, 0), '..', 'readme.txt'),
        Buffer.of(),
      ]);
      return Object.fromEntries([...classes, ...(await Promise.all(files))]);
    },
  };
}

const count = (split: Split) => labelsOf[split].length;
const rgb = (split: Split) => npyFile([count(split), side, side, 3], '|u1', samples(split, 3, 'yxc'));
const planes = (split: Split) => npyFile([count(split), 3, side, side], '|u1', samples(split, 3, 'cyx'));

const kinds: Record<string, Kind> = {
  IDX: {
    channels: 1,
    files: (split) => {
      const part = split === 'train' ? 'train' : 't10k';
      return {
        [`${part}-images-idx3-ubyte`]: idxFile([count(split), side, side], samples(split, 1, 'yxc')),
        [`${part}-labels-idx1-ubyte`]: idxFile([count(split)], labelBytes(split)),
      };
    },
  },
  'CIFAR-10': cifar({ train: 'data_batch_1.bin', test: 'test_batch.bin' }, []),
  'CIFAR-100': cifar({ train: 'train.bin', test: 'test.bin' }, [7]),
  'SVHN, compressed': svhn(true),
  'SVHN, as it is': svhn(false),
  'NumPy N×H×W×C': {
    channels: 3,
    files: (split) => ({
      [`x_${split}.npy`]: rgb(split),
      [`y_${split}.npy`]: npyFile([count(split), 1], '|u1', labelBytes(split)),
    }),
  },
  'NumPy N×C×H×W, version 2': {
    channels: 3,
    files: (split) => ({
      [`${split}_images.npy`]: npyFile([count(split), 3, side, side], '|u1', samples(split, 3, 'cyx'), {
        version: 2,
      }),
      [`${split}_labels.npy`]: npyFile([count(split)], '<i8', labelLongs(split)),
    }),
  },
  'NumPy N×H×W, float32': {
    channels: 1,
    files: (split) => ({
      [`${split}/images.npy`]: npyFile(
        [count(split), side, side],
        '<f4',
        unitFloats(samples(split, 1, 'yxc')),
      ),
      [`${split}/labels.npy`]: npyFile([count(split)], '<i8', labelLongs(split)),
    }),
  },
  'NumPy archive per part': {
    channels: 3,
    files: (split) => ({
      [`${split}.npz`]: npzFile({
        images: planes(split),
        labels: npyFile([count(split)], '<i8', labelLongs(split)),
      }),
    }),
  },
  'NumPy archive of unnamed arrays': {
    channels: 3,
    files: (split) => ({
      [`${split}.npz`]: npzFile({
        arr_0: rgb(split),
        arr_1: npyFile([count(split)], '|u1', labelBytes(split)),
      }),
    }),
  },
  'NumPy archive of both parts': {
    channels: 3,
    files: () => ({
      'digits.npz': npzFile(
        Object.fromEntries(
          (['train', 'test'] as const).flatMap((split) => [
            [`x_${split}`, rgb(split)],
            [`y_${split}`, npyFile([count(split)], '|u1', labelBytes(split))],
          ]),
        ),
      ),
    }),
  },
  'folders of classes': png((split, label, i) => `${split}/${label}/${i}.png`, 3),
  'folders of classes, grey': png((split, label, i) => `${split}/${label}/${i}.png`, 1),
  'nested folders of classes': png((split, label, i) => `${split}/${label}/taken/${i}/p.png`, 3),
  'unlabelled folder': { ...png((split, _, i) => `${split}/${i}.png`, 3), labelled: false },
  'unlabelled SVHN': {
    channels: 3,
    labelled: false,
    files: (split) => ({
      [`${split}_32x32.mat`]: matFile([
        {
          name: 'X',
          dimensions: [side, side, 3, count(split)],
          type: 'u1',
          data: samples(split, 3, 'cxy'),
        },
      ]),
    }),
  },
  'unlabelled NumPy': { channels: 3, labelled: false, files: (split) => ({ [`${split}.npy`]: rgb(split) }) },
};

/** Every kind of source gives the same pictures. */
describe.each(Object.entries(kinds))('source %s', (_, { channels, labelled = true, files }) => {
  const both = async () => folderOf({ ...(await files('train')), ...(await files('test')) });

  it.each(['train', 'test'] as const)('gives the %s pictures, in order, with their labels', async (split) => {
    const dataset = await openDataset(await both(), { split, channels });
    const labels = labelsOf[split].map((label) => (labelled ? label : null));
    expect(dataset).toMatchObject({ size: labels.length, labelled });
    expect(dataset.description).toContain(`(${labels.length} pictures`);
    expect(labels.map((_, index) => dataset.labelAt(index))).toEqual(labels);
    const expected = samples(split, channels, 'yxc');
    const length = area * channels;
    for (const [index, label] of labels.entries()) {
      const { name, label: found, picture } = await dataset.read(index);
      expect({ name, label: found }).toEqual({ name: dataset.nameAt(index), label });
      expect(picture).toMatchObject({ height: side, width: side, channels });
      expect(
        Buffer.from(expected.subarray(index * length, (index + 1) * length)).equals(picture.pixels),
      ).toBe(true);
    }
  });

  it('gives the same picture on every read', async () => {
    const dataset = await openDataset(await both(), { split: 'test', channels });
    const before = Uint8Array.from((await dataset.read(2)).picture.pixels);
    await dataset.read(0);
    expect(Uint8Array.from((await dataset.read(2)).picture.pixels)).toEqual(before);
  });

  it('names every sample differently, and refuses indices beyond the last', async () => {
    const dataset = await openDataset(await both(), { split: 'test', channels });
    const names = labelsOf.test.map((_, index) => dataset.nameAt(index));
    expect(new Set(names).size).toBe(names.length);
    expect(() => dataset.labelAt(names.length)).toThrow(`sample ${names.length} of ${names.length}`);
    await expect(dataset.read(names.length)).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});
