import { describe, expect, it } from 'vitest';
import { openDataset } from '../open-dataset.js';
import type { Split } from '../split.js';
import { npyFile, npzFile } from '../testing/array-files.js';
import { folderOf } from '../testing/folder-of.js';

const picture = (value: number) => npyFile([1, 1, 1], '|u1', Uint8Array.of(value));
const label = (value: number) => npyFile([1], '|u1', Uint8Array.of(value));

const open = async (bytes: Uint8Array, split: Split = 'test') =>
  openDataset(`${await folderOf({ 'a.npz': bytes })}/a.npz`, { split });

describe('NumPy archives', () => {
  it.each([
    ['images and labels', { images: picture(1), labels: label(7) }],
    ['x and y', { y: label(7), x: picture(1) }],
    ['NumPy’s own names', { arr_0: picture(1), arr_1: label(7) }],
    ['one name that says nothing', { digits: picture(1), labels: label(7) }],
    ['others that are not read', { images: picture(1), labels: label(7), notes: Buffer.from('no array') }],
  ])('reads %s', async (_, arrays) => {
    const dataset = await open(npzFile(arrays));
    expect(dataset).toMatchObject({ size: 1, labelled: true });
    expect(dataset.labelAt(0)).toBe(7);
    const sample = await dataset.read(0);
    expect(sample.name).toMatch(/^a\.npz:\w+:0$/);
    expect([...sample.picture.pixels]).toEqual([1]);
  });

  it('opens only the split, without arrays that belong to neither', async () => {
    const arrays = ['train', 'val', 'test'].flatMap((part, i): [string, Uint8Array][] => [
      [`${part}_images`, picture(i)],
      [`${part}_labels`, label(10 + i)],
    ]);
    for (const [split, pixel] of [
      ['train', 0],
      ['test', 2],
    ] as const) {
      const dataset = await open(npzFile(Object.fromEntries(arrays)), split);
      expect(dataset.size).toBe(1);
      expect((await dataset.read(0)).picture.pixels[0]).toBe(pixel);
      expect(dataset.labelAt(0)).toBe(10 + pixel);
    }
  });

  it('reports a split that is not there', async () => {
    await expect(open(npzFile({ x_train: picture(1) }))).rejects.toMatchObject({
      code: 'DATA_NOT_FOUND',
      message: expect.stringMatching(/no samples for test in .*a\.npz, only x_train/),
      hint: expect.stringContaining('--split'),
    });
  });

  const archive = npzFile({ images: npyFile([64, 64, 64], '|u1', new Uint8Array(64 ** 3)) });
  const central = archive.indexOf('PK\x01\x02', 0, 'latin1');
  /** With another uncompressed size in the central directory. */
  const declaring = (bytes: number) => {
    const changed = Buffer.from(archive);
    changed.writeUInt32LE(bytes, central + 24);
    return changed;
  };
  const damaged = Buffer.from(archive);
  damaged.fill(0xff, 60, 120);
  const empty = npzFile({});

  it.each([
    ['text', Buffer.from('hello'), 'is not a NumPy archive'],
    ['nothing', Buffer.alloc(0), 'is not a NumPy archive'],
    ['a cut archive', archive.subarray(0, -30), 'is not a NumPy archive'],
    ['more than can be compressed', declaring(0xfffffff0), 'found a declared size of 4294967280'],
    ['more bytes than declared', declaring(100), 'cannot be inflated'],
    ['fewer bytes than declared', declaring(64 ** 3 + 1000), 'cannot be inflated'],
    ['damaged data', damaged, 'cannot be inflated'],
    ['no array', npzFile({ images: Buffer.from('text') }), 'images.npy: expected the magic string'],
    ['no picture', npzFile({ images: label(1) }), 'images: expected pictures as N × height × width'],
    [
      'more arrays than a data set has',
      npzFile(Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`a${i}`, Buffer.of()]))),
      'holds more than 1000 arrays',
    ],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(open(bytes)).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('reports an empty archive', async () => {
    await expect(open(empty)).rejects.toMatchObject({
      code: 'DATA_NOT_FOUND',
      message: expect.stringContaining('only no arrays'),
    });
  });
});
