import { join } from 'node:path';
import type { TensorInput } from '@offramp/bundle';
import { describe, expect, it } from 'vitest';
import { normalise } from '../normalise.js';
import { openDataset, openInputs, openTensors } from '../open-dataset.js';
import { bytesOfNumbers, npyFile, npzFile } from '../testing/array-files.js';
import { folderOf } from '../testing/folder-of.js';

const input: TensorInput = { kind: 'tensor', shape: [2, 3] };
const twelve = Float32Array.from({ length: 12 }, (_, i) => 1000 * (i - 6));
const signals = npyFile([2, 2, 3], '<f4', bytesOfNumbers(twelve));
const labels = npyFile([2], '|u1', Uint8Array.of(3, 1));

const open = async (files: Record<string, Uint8Array>, name = '', wanted: TensorInput = input) =>
  openInputs(join(await folderOf(files), name), wanted, { split: 'test' });

const firstOf = async (shape: readonly number[], descr: string, bytes: Uint8Array, wanted = [3]) => {
  const tensor: TensorInput = { kind: 'tensor', shape: [...wanted] };
  const dataset = await open({ 'x.npy': npyFile(shape, descr, bytes) }, '', tensor);
  return [...(await dataset.readFitted(0, tensor)).values];
};

describe('tensors of NumPy arrays', () => {
  it('are numbers of any range, with labels, names and the sample as the first dimension', async () => {
    const dataset = await open({ 'signals.npy': signals, 'labels.npy': labels });
    expect(dataset).toMatchObject({
      ...{ size: 2, labelled: true, classNames: null },
      description: 'NumPy signals.npy (2 tensors of 2×3)',
    });
    expect(dataset.labelAt(1)).toBe(1);
    expect(await dataset.readFitted(1, input)).toEqual({
      ...{ name: 'signals.npy:1', label: 1 },
      values: twelve.slice(6),
    });
  });

  it('come from the arrays of an archive that belong to the split', async () => {
    const other = npyFile([2, 2, 3], '<f4', bytesOfNumbers(twelve.map((value) => -value)));
    const arrays = { x_train: signals, y_train: labels, x_test: other, y_test: labels };
    const dataset = await open({ 'a.npz': npzFile(arrays) });
    expect(dataset).toMatchObject({ size: 2, labelled: true });
    expect(await dataset.readFitted(0, input)).toMatchObject({
      name: 'a.npz:x_test:0',
      values: Float32Array.of(6000, 5000, 4000, 3000, 2000, 1000),
    });
  });

  it.each([
    ['<f8', bytesOfNumbers(Float64Array.of(-1e-9, 2.5, 1e30)), [Math.fround(-1e-9), 2.5, Math.fround(1e30)]],
    ['<i4', bytesOfNumbers(Int32Array.of(-70_000, 0, 5)), [-70_000, 0, 5]],
    ['>i2', Uint8Array.of(0xff, 0xfe, 0, 7, 1, 0), [-2, 7, 256]],
    // Binary16: −2, the least subnormal, 65504.
    ['<f2', Uint8Array.of(0x00, 0xc0, 0x01, 0x00, 0xff, 0x7b), [-2, 2 ** -24, 65_504]],
  ])('may be of type %s', async (descr, bytes, expected) => {
    expect(await firstOf([1, 3], descr, bytes)).toEqual(expected);
  });

  it('may lie in Fortran order', async () => {
    const bytes = bytesOfNumbers(Float32Array.from({ length: 12 }, (_, i) => i));
    const file = npyFile([2, 3, 2], '<f4', bytes, { fortranOrder: true });
    const wanted: TensorInput = { kind: 'tensor', shape: [3, 2] };
    const dataset = await open({ 'x.npy': file }, '', wanted);
    // Element [n, i, j] is at n + 2i + 6j.
    expect([...(await dataset.readFitted(1, wanted)).values]).toEqual([1, 7, 3, 9, 5, 11]);
  });

  it('may have or lack dimensions of 1', async () => {
    const bytes = bytesOfNumbers(Float32Array.of(1, 2, 3, 4));
    expect(await firstOf([1, 2, 2], '<f4', bytes, [1, 2, 2])).toEqual([1, 2, 3, 4]);
    expect(await firstOf([1, 4, 1], '<f4', bytes, [4])).toEqual([1, 2, 3, 4]);
    expect(await firstOf([4], '<f4', bytes, [1])).toEqual([1]);
  });

  it.each([
    ['another shape', npyFile([2, 3, 2], '<f4', bytesOfNumbers(twelve)), 'expected N×2×3, samples first'],
    ['no samples', npyFile([0, 2, 3], '<f4', Uint8Array.of()), 'found 0×2×3'],
    ['a single number', npyFile([], '<f4', new Uint8Array(4)), 'found a single number'],
    ['too few labels', npyFile([3, 2, 3], '<f4', new Uint8Array(72)), 'expected 3 labels, one per sample'],
    ['texts', npyFile([2, 2, 3], '<U1', new Uint8Array(48)), 'expected integers or floating-point numbers'],
  ])('refuse %s', async (_, bytes, message) => {
    await expect(open({ 'x.npy': bytes, 'y.npy': labels })).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['NaN', '<f4', bytesOfNumbers(Float32Array.of(1, Number.NaN, 2, 3, 4, 5)), 'found NaN'],
    ['what float32 cannot hold', '<f8', bytesOfNumbers(new Float64Array(6).fill(1e39)), 'found 1e+39'],
  ])('spoil only the sample that has %s', async (_, descr, bad, message) => {
    const good = Buffer.alloc(bad.byteLength);
    const dataset = await open({ 'x.npy': npyFile([2, 2, 3], descr, Buffer.concat([bad, good])) });
    await expect(dataset.readFitted(0, input)).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringMatching(new RegExp(`^x\\.npy:0: .*${message.replace('+', '\\+')}`)),
    });
    expect((await dataset.readFitted(1, input)).values).toEqual(new Float32Array(6));
  });

  it('are not looked for among pictures, and the other way round', async () => {
    const folder = await folderOf({ 'cat/a.png': 'a picture' });
    await expect(openTensors(folder, input, 'test')).rejects.toMatchObject({
      code: 'DATA_NOT_FOUND',
      message: `no tensors in ${folder}: expected NumPy files (.npz, .npy)`,
    });
    const data = await folderOf({ 'signals.npy': signals });
    await expect(openDataset(data, { split: 'test' })).rejects.toMatchObject({
      code: 'DATA_INVALID',
      hint: expect.stringContaining('--input-kind tensor'),
    });
  });
});

describe('normalise', () => {
  const values = Float32Array.of(1, 2, 3, 4, 5, 6);

  it('leaves tensors as they are without a preprocessing', () => {
    expect(normalise(values, input)).toEqual(values);
  });

  it.each([
    ['of all', { mean: [1], std: [2] }, [0, 0.5, 1, 1.5, 2, 2.5]],
    ['of the first dimension', { mean: [1, 4], std: [1, 10] }, [0, 1, 2, 0, 0.1, 0.2]],
    [
      'of the last dimension',
      { mean: [1, 2, 3], std: [1, 1, 3], channelAxis: 'last' as const },
      [0, 0, 0, 3, 3, 1],
    ],
  ])('subtracts the mean and divides by the deviation %s', (_, preprocessing, expected) => {
    const result = normalise(values, { ...input, preprocessing });
    expect(result).toEqual(Float32Array.from(expected));
  });
});
