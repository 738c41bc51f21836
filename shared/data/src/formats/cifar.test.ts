import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@offramp/runtime/testing';
import { describe, expect, it } from 'vitest';
import { cifarRecord } from '../testing/data-files.js';
import { openCifar } from './cifar.js';

async function written(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

describe('openCifar', () => {
  it('reads CIFAR-10: a label, then planes, which become pixels', async () => {
    const record = cifarRecord([3], [10, 20, 30]);
    record[1] = 11; // red of the first pixel
    record[1 + 1024 + 1023] = 21; // green of the last
    const folder = await written({
      'data_batch_1.bin': Buffer.concat([cifarRecord([9], [0, 0, 0]), record]),
      'data_batch_2.bin': cifarRecord([1], [1, 1, 1]),
      'batches.meta.txt': 'airplane\nautomobile\n\nbird\n',
    });
    const dataset = await openCifar(
      ['data_batch_1.bin', 'data_batch_2.bin'].map((name) => join(folder, name)),
    );
    expect(dataset).toMatchObject({
      size: 3,
      labelled: true,
      classNames: ['airplane', 'automobile', 'bird'],
    });
    expect([0, 1, 2].map((index) => dataset.labelAt(index))).toEqual([9, 3, 1]);
    const { name, label, picture } = await dataset.read(1);
    expect({ name, label }).toEqual({ name: 'data_batch_1.bin:1', label: 3 });
    expect(picture).toMatchObject({ height: 32, width: 32, channels: 3 });
    expect([...picture.pixels.subarray(0, 6)]).toEqual([11, 20, 30, 10, 20, 30]);
    expect([...picture.pixels.subarray(-3)]).toEqual([10, 21, 30]);
    expect((await dataset.read(2)).name).toBe('data_batch_2.bin:0');
    await expect(dataset.read(3)).rejects.toThrow('sample 3 of 3');
  });

  it('reads CIFAR-100: the fine label is the second', async () => {
    const folder = await written({
      'test.bin': Buffer.concat([cifarRecord([4, 55], [1, 2, 3]), cifarRecord([5, 66], [4, 5, 6])]),
      'fine_label_names.txt': 'apple\nfish\n',
    });
    const dataset = await openCifar([join(folder, 'test.bin')]);
    expect(dataset).toMatchObject({ size: 2, classNames: ['apple', 'fish'] });
    expect([dataset.labelAt(0), dataset.labelAt(1)]).toEqual([55, 66]);
    expect([...(await dataset.read(1)).picture.pixels.subarray(0, 3)]).toEqual([4, 5, 6]);
  });

  it('has no class names without a file of them', async () => {
    const folder = await written({ 'test_batch.bin': cifarRecord([0], [0, 0, 0]) });
    expect((await openCifar([join(folder, 'test_batch.bin')])).classNames).toBeNull();
  });

  it.each([
    [
      'test_batch.bin',
      Buffer.concat([cifarRecord([9], [0, 0, 0]), cifarRecord([10], [0, 0, 0])]),
      'below 10',
      10,
    ],
    ['test.bin', cifarRecord([20, 0], [0, 0, 0]), 'below 20', 20],
    ['test.bin', cifarRecord([19, 100], [0, 0, 0]), 'below 100', 100],
  ])('refuses labels in %s that CIFAR does not have', async (name, bytes, message, found) => {
    const path = join(await written({ [name]: bytes }), name);
    await expect(openCifar([path])).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringMatching(`${message} .*found ${found} in record`),
    });
  });

  it.each([
    ['test_batch.bin', cifarRecord([0], [0, 0, 0]).subarray(1), '3073 bytes (CIFAR records), found 3072'],
    ['test_batch.bin', Buffer.alloc(0), 'found 0 bytes'],
    ['test.bin', cifarRecord([0], [0, 0, 0]), '3074 bytes (CIFAR records), found 3073'],
  ])('refuses a truncated %s', async (name, bytes, message) => {
    const path = join(await written({ [name]: bytes }), name);
    await expect(openCifar([path])).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining(message),
    });
  });
});
