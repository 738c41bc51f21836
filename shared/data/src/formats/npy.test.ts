import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../open-dataset.js';
import { bytesOfNumbers, npyFile } from '../testing/array-files.js';
import { folderOf } from '../testing/folder-of.js';

const sixteen = Uint8Array.from({ length: 16 }, (_, i) => i);
const pictures = npyFile([2, 2, 4], '|u1', sixteen);

const open = async (files: Record<string, Uint8Array>, name = '') =>
  openDataset(join(await folderOf(files), name), { split: 'test' });

/** The labels that a file opened by its name gets. */
const labelsOf = async (name: string, ...beside: string[]) => {
  const label = (value: number) => npyFile([2], '|u1', Uint8Array.of(value, value));
  const files = Object.fromEntries(beside.map((file, i) => [file, label(i + 1)]));
  return (await open({ ...files, [name]: pictures }, name)).labelAt(0);
};

describe('NumPy arrays', () => {
  it.each([1, 2, 3])('reads a header of version %d', async (version) => {
    const dataset = await open({ 'a.npy': npyFile([2, 2, 4], '|u1', sixteen, { version }) });
    expect(dataset).toMatchObject({ size: 2, labelled: false, description: 'NumPy a.npy (2 pictures)' });
    expect(await dataset.read(1)).toEqual({
      name: 'a.npy:1',
      label: null,
      picture: { pixels: Buffer.from(sixteen.subarray(8)), height: 2, width: 4, channels: 1 },
    });
  });

  it('reads Fortran order', async () => {
    const file = npyFile([2, 2, 2], '|u1', sixteen.subarray(0, 8), { fortranOrder: true });
    const { picture } = await (await open({ 'a.npy': file })).read(1);
    // Element [n, y, x] is at n + 2y + 4x.
    expect([...picture.pixels]).toEqual([1, 5, 3, 7]);
  });

  it('takes the last dimension for the channels where two could be', async () => {
    const { picture } = await (
      await open({ 'a.npy': npyFile([1, 3, 1, 3], '|u1', sixteen.subarray(0, 9)) })
    ).read(0);
    expect(picture).toMatchObject({ height: 3, width: 1, channels: 3 });
    expect([...picture.pixels]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('rounds floating-point samples to 8 bits, big- or little-endian', async () => {
    const values = [0, 1, 0.5, 0.499 / 255, 0.501 / 255, 254.6 / 255];
    const expected = [0, 255, 128, 0, 1, 255];
    const doubles = npyFile([1, 1, 6], '<f8', bytesOfNumbers(Float64Array.from(values)));
    const bigEndian = Buffer.from(bytesOfNumbers(Float32Array.from(values))).swap32();
    for (const file of [doubles, npyFile([1, 1, 6], '>f4', bigEndian)]) {
      expect([...(await (await open({ 'a.npy': file })).read(0)).picture.pixels]).toEqual(expected);
    }
  });

  it('finds the labels of a file by its name', async () => {
    expect(await labelsOf('x_test.npy', 'y_test.npy', 'y_train.npy')).toBe(1);
    expect(await labelsOf('test_images.npy', 'labels.npy', 'test_labels.npy')).toBe(2);
    expect(await labelsOf('Xtest.npy', 'ytest.npy', 'ytrain.npy')).toBe(1);
    expect(await labelsOf('test.npy', 'train_y.npy', 'test_y.npy')).toBe(2);
    expect(await labelsOf('digits.npy', 'labels.npy')).toBe(1);
    expect(await labelsOf('digits.npy', 'y_train.npy', 'y_test.npy')).toBeNull();
  });

  it('recognises pictures by names', async () => {
    const ids = npyFile([2], '|u1', Uint8Array.of(0, 0));
    const dataset = await open({ 'images.npy': pictures, 'ids.npy': ids, 'labels.npy': ids });
    expect(dataset.description).toBe('NumPy images.npy (2 pictures)');
  });

  const header = (text: string) => {
    const bytes = npyFile([1], '|u1', Uint8Array.of(0));
    bytes.fill(' ', 10, 127).write(text, 10);
    return bytes;
  };
  const one = Uint8Array.of(0);
  it.each([
    ['text', Buffer.from('hello'), 'expected the magic string "\\x93NUMPY", found "hello"'],
    ['nothing', Buffer.alloc(0), 'found ""'],
    ['an unknown version', npyFile([1], '|u1', one, { version: 4 }), 'expected version 1 to 3, found 4'],
    ['a cut beginning', pictures.subarray(0, 9), 'is truncated in its header, after 9 bytes'],
    ['a cut header', pictures.subarray(0, 40), 'expected a header of at most 30 bytes, found 118'],
    ['a header without keys', header('{}'), "expected a header with 'descr'"],
    [
      'records',
      header("{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (1,)}"),
      "expected a header with 'descr' (one type)",
    ],
    ['complex numbers', npyFile([1, 1, 1], '<c8', new Uint8Array(8)), 'found <c8'],
    ['objects', npyFile([1], '|O', one), 'expected integers or floating-point numbers; found |O'],
    ['truncated data', pictures.subarray(0, -1), 'expected 16 bytes for 2×2×4 of u1, found 15'],
    ['an absurd size', npyFile([1e9, 1e9, 1e9], '|u1', one), 'expected 1e+27 bytes'],
    [
      'a size beyond all numbers',
      header("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}"),
      'expected at most 32 dimensions below 2^53, found (99999999999999999999,)',
    ],
    ['a single number', npyFile([], '|u1', one), 'found a single number'],
    ['no pictures', npyFile([0, 2, 2], '|u1', Uint8Array.of()), 'found 0×2×2'],
    ['two channels', npyFile([1, 2, 2, 2], '|u1', new Uint8Array(8)), 'found 1×2×2×2'],
    ['wide integers', npyFile([1, 1, 1], '<i4', new Uint8Array(4)), 'expected pictures of type u1'],
    ['floats above 1', npyFile([1, 1, 1], '<f4', bytesOfNumbers(Float32Array.of(255))), 'found 255; save'],
    ['no number', npyFile([1, 1, 1], '<f4', bytesOfNumbers(Float32Array.of(Number.NaN))), 'found NaN'],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(open({ 'a.npy': bytes }, 'a.npy')).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['too few', npyFile([1], '|u1', one), 'images.npy: expected 2 labels, one per sample; found 1'],
    ['one-hot', npyFile([2, 10], '|u1', new Uint8Array(20)), 'expected one label per sample, found 2×10'],
    ['negative', npyFile([2], '<i4', bytesOfNumbers(Int32Array.of(1, -1))), 'found -1 for sample 1'],
    ['fractional', npyFile([2], '<f4', bytesOfNumbers(Float32Array.of(0.5, 1))), 'found 0.5 for sample 0'],
  ])('refuses %s labels', async (_, labels, message) => {
    await expect(open({ 'images.npy': pictures, 'labels.npy': labels })).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining(message),
    });
  });
});
