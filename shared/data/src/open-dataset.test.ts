import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openDataset } from './open-dataset.js';
import { matFile, npyFile } from './testing/array-files.js';
import { cifarRecord, idxFile } from './testing/data-files.js';
import { folderOf } from './testing/folder-of.js';

const png = (value: number) =>
  sharp({ create: { width: 2, height: 2, channels: 3, background: { r: value, g: value, b: value } } })
    .png()
    .toBuffer();

const idx = (value: number) => idxFile([1, 1, 1], Uint8Array.of(value));
const firstPixel = async (path: string, split: 'train' | 'test') =>
  (await (await openDataset(path, { split })).read(0)).picture.pixels[0];

describe('openDataset', () => {
  it('opens the pictures of the example', async () => {
    const data = fileURLToPath(new URL('../../../examples/fashion-mnist/data', import.meta.url));
    const dataset = await openDataset(data, { split: 'test' });
    expect(dataset).toMatchObject({ size: 10_000, labelled: true });
    expect((await dataset.read(9_999)).picture).toMatchObject({ height: 28, width: 28, channels: 1 });
  });

  it('opens only the split of IDX files', async () => {
    const folder = await folderOf({ 'train-images-idx3-ubyte': idx(1), 't10k-images-idx3-ubyte': idx(2) });
    expect(await firstPixel(folder, 'train')).toBe(1);
    expect(await firstPixel(folder, 'test')).toBe(2);
  });

  it('opens only the split of CIFAR files, in order', async () => {
    const folder = await folderOf({
      'data_batch_2.bin': cifarRecord([0], [2, 0, 0]),
      'data_batch_1.bin': cifarRecord([0], [1, 0, 0]),
      'test_batch.bin': cifarRecord([0], [3, 0, 0]),
    });
    expect((await openDataset(folder, { split: 'train' })).size).toBe(2);
    expect(await firstPixel(folder, 'train')).toBe(1);
    expect(await firstPixel(folder, 'test')).toBe(3);
  });

  it('uses files that name no split for both', async () => {
    const folder = await folderOf({ 'images-idx3-ubyte': idx(5) });
    expect(await firstPixel(folder, 'train')).toBe(5);
    expect(await firstPixel(folder, 'test')).toBe(5);
    expect(await firstPixel(join(folder, 'images-idx3-ubyte'), 'test')).toBe(5);
  });

  it('reports a split that is not there', async () => {
    const folder = await folderOf({ 'train-images-idx3-ubyte': idx(1), 'train/a.png': await png(1) });
    await expect(openDataset(folder, { split: 'test' })).rejects.toMatchObject({
      code: 'DATA_NOT_FOUND',
      message: `no pictures for test in ${folder}, only train-images-idx3-ubyte, train`,
      hint: expect.stringContaining('--split'),
    });
  });

  it('opens only the split of folders', async () => {
    const folder = await folderOf({ 'train/cat/1.png': await png(1), 'test/cat/1.png': await png(2) });
    expect(await firstPixel(folder, 'train')).toBe(1);
    expect(await firstPixel(folder, 'test')).toBe(2);
  });

  it('reads image files in name order, and ignores other files', async () => {
    const folder = await folderOf({
      'b.png': await png(2),
      'a.JPG': await sharp(await png(1))
        .jpeg()
        .toBuffer(),
      'notes.txt': 'no picture',
    });
    const dataset = await openDataset(folder, { split: 'test', channels: 1 });
    expect(dataset).toMatchObject({ size: 2, labelled: false, classNames: null });
    expect(dataset.labelAt(1)).toBeNull();
    expect((await dataset.read(0)).name).toBe('a.JPG');
    expect(await dataset.read(1)).toEqual({
      name: 'b.png',
      label: null,
      picture: { pixels: Buffer.alloc(4, 2), height: 2, width: 2, channels: 1 },
    });
  });

  it('reads one folder per class, labels in name order', async () => {
    const folder = await folderOf({
      'dog/1.png': await png(3),
      'cat/2.png': await png(2),
      'cat/1.png': await png(1),
      'empty/readme.txt': '',
      '.cache/1.png': await png(9),
    });
    const dataset = await openDataset(folder, { split: 'test' });
    expect(dataset).toMatchObject({ size: 3, labelled: true, classNames: ['cat', 'dog', 'empty'] });
    const samples = await Promise.all([0, 1, 2].map((index) => dataset.read(index)));
    expect(samples.map(({ name, label, picture }) => [name, label, picture.pixels[0]])).toEqual([
      ['cat/1.png', 0, 1],
      ['cat/2.png', 0, 2],
      ['dog/1.png', 1, 3],
    ]);
  });

  it('treats all as unlabelled if a picture lies in the folder itself', async () => {
    const folder = await folderOf({
      'z.png': await png(1),
      'more/deep/2.png': await png(3),
      'more/1.png': await png(2),
      '.cache/1.png': await png(9),
    });
    const dataset = await openDataset(folder, { split: 'test' });
    expect(dataset).toMatchObject({ size: 3, labelled: false, classNames: null });
    const samples = await Promise.all([0, 1, 2].map((index) => dataset.read(index)));
    expect(samples.map(({ name, label, picture }) => [name, label, picture.pixels[0]])).toEqual([
      ['z.png', null, 1],
      ['more/1.png', null, 2],
      ['more/deep/2.png', null, 3],
    ]);
  });

  it('reads what is nested in a class folder', async () => {
    const folder = await folderOf({
      'cat/a/b/1.png': await png(1),
      'cat/2.png': await png(2),
      'dog/x/1.png': await png(3),
    });
    const dataset = await openDataset(folder, { split: 'test' });
    expect(dataset).toMatchObject({ size: 3, labelled: true, classNames: ['cat', 'dog'] });
    expect([0, 1, 2].map((index) => dataset.nameAt(index))).toEqual([
      'cat/2.png',
      'cat/a/b/1.png',
      'dog/x/1.png',
    ]);
    expect([0, 1, 2].map((index) => dataset.labelAt(index))).toEqual([0, 0, 1]);
  });

  it('refuses folders that are nested too deep', async () => {
    const folder = await folderOf({ [`${'a/'.repeat(18)}1.png`]: await png(1) });
    await expect(openDataset(folder, { split: 'test' })).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining('at most 16 levels of folders'),
    });
  });

  it('opens only the split of SVHN and NumPy files, by part of their names', async () => {
    const array = (value: number) => npyFile([1, 1, 1], '|u1', Uint8Array.of(value));
    const folder = await folderOf({
      'x_train.npy': array(1),
      'x_test.npy': array(2),
      'x_val.npy': array(3),
      'y_test.npy': npyFile([1], '|u1', Uint8Array.of(4)),
    });
    expect(await firstPixel(folder, 'train')).toBe(1);
    expect(await firstPixel(folder, 'test')).toBe(2);
    expect((await openDataset(folder, { split: 'test' })).labelAt(0)).toBe(4);
    expect((await openDataset(folder, { split: 'train' })).labelled).toBe(false);
    const X = { name: 'X', dimensions: [1, 1, 1], type: 'u1' as const, data: Uint8Array.of(5) };
    const svhn = await folderOf({ 'train_32x32.mat': matFile([X]), 'extra_32x32.mat': matFile([X]) });
    expect((await openDataset(svhn, { split: 'train' })).size).toBe(1);
    await expect(openDataset(svhn, { split: 'test' })).rejects.toMatchObject({
      code: 'DATA_NOT_FOUND',
      message: expect.stringContaining('train_32x32.mat'),
    });
  });

  it('fails only on the bad picture', async () => {
    const folder = await folderOf({ 'a.png': await png(1), 'b.png': 'no picture', 'c.png': await png(3) });
    const dataset = await openDataset(folder, { split: 'test' });
    await expect(dataset.read(1)).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining(join(folder, 'b.png')),
    });
    expect([0, 1, 2].map((index) => dataset.nameAt(index))).toEqual(['a.png', 'b.png', 'c.png']);
    expect((await dataset.read(2)).picture.pixels[0]).toBe(3);
  });

  it.each([
    ['an empty folder', {}],
    ['a folder without pictures', { 'notes.txt': 'none' }],
    ['class folders without pictures', { 'cat/notes.txt': 'none' }],
    ['an empty part', { 'test/notes.txt': 'none' }],
  ])('says that there are none in %s', async (_, files) => {
    const folder = await folderOf(files);
    await expect(openDataset(folder, { split: 'test' })).rejects.toMatchObject({
      code: 'DATA_NOT_FOUND',
      message: expect.stringContaining(folder),
    });
  });

  it('reports a missing path and a file that is not data', async () => {
    const folder = await folderOf({ 'notes.txt': '' });
    await expect(openDataset(join(folder, 'none'), { split: 'test' })).rejects.toMatchObject({
      code: 'DATA_NOT_FOUND',
      message: expect.stringContaining('does not exist'),
    });
    await expect(openDataset(join(folder, 'notes.txt'), { split: 'test' })).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining('expected an IDX file'),
    });
  });
});
