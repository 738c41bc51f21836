import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { temporaryFolder } from '@offramp/runtime/testing';
import { describe, expect, it } from 'vitest';
import { idxFile } from '../testing/data-files.js';
import { openIdx } from './idx.js';

/** Two pictures, 2 high and 3 wide. */
const pixels = Uint8Array.from({ length: 12 }, (_, i) => i);
const pictures = idxFile([2, 2, 3], pixels);
const labels = idxFile([2], Uint8Array.of(7, 0));

/** Writes files, and gives the path of the first. */
async function written(files: Record<string, Uint8Array>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  return join(folder, Object.keys(files)[0] as string);
}

describe('openIdx', () => {
  it.each([
    ['as it is', '', (bytes: Buffer) => bytes],
    ['compressed', '.gz', (bytes: Buffer) => gzipSync(bytes)],
  ])('reads pictures and labels, %s', async (_, extension, pack) => {
    const path = await written({
      [`t10k-images-idx3-ubyte${extension}`]: pack(pictures),
      [`t10k-labels-idx1-ubyte${extension}`]: pack(labels),
    });
    const dataset = await openIdx([path]);
    expect(dataset).toMatchObject({ size: 2, labelled: true, classNames: null });
    expect(dataset.description).toContain('2 pictures');
    expect([dataset.labelAt(0), dataset.labelAt(1)]).toEqual([7, 0]);
    expect(await dataset.read(1)).toEqual({
      name: 't10k-images-idx3-ubyte:1',
      label: 0,
      picture: { pixels: Buffer.from([6, 7, 8, 9, 10, 11]), height: 2, width: 3, channels: 1 },
    });
  });

  it('reads the other spelling, images.idx3-ubyte', async () => {
    const path = await written({ 'images.idx3-ubyte': pictures, 'labels.idx1-ubyte': labels });
    expect((await openIdx([path])).labelAt(0)).toBe(7);
  });

  it('reads several files one after the other', async () => {
    const first = await written({ 'a-images-idx3-ubyte': pictures, 'a-labels-idx1-ubyte': labels });
    const second = await written({ 'b-images-idx3-ubyte': idxFile([1, 1, 1], Uint8Array.of(99)) });
    const dataset = await openIdx([first, second]);
    expect(dataset).toMatchObject({ size: 3, labelled: false });
    expect([0, 1, 2].map((index) => dataset.labelAt(index))).toEqual([7, 0, null]);
    expect((await dataset.read(2)).picture).toMatchObject({ height: 1, width: 1 });
    await expect(dataset.read(3)).rejects.toThrow('sample 3 of 3');
    expect(() => dataset.labelAt(-1)).toThrow('sample -1 of 3');
  });

  it.each([
    ['a truncated file', pictures.subarray(0, -1), 'expected 28 bytes for 2×2×3, found 27'],
    ['bytes too many', Buffer.concat([pictures, Buffer.of(0)]), 'expected 28 bytes for 2×2×3, found 29'],
    ['a truncated header', pictures.subarray(0, 15), 'expected an IDX header of 16 bytes, found 15'],
    ['an empty file', Buffer.alloc(0), 'expected an IDX header of 16 bytes, found 0'],
    ['labels instead', idxFile([20], Buffer.alloc(20)), 'magic number 0x00000803, found 0x00000801'],
    ['other bytes', Buffer.from('this is no IDX file at all'), 'found 0x74686973'],
    [
      'no pictures',
      idxFile([0, 2, 3], Buffer.alloc(0)),
      'expected at least one of each dimension, found 0×2×3',
    ],
    ['pictures of nothing', idxFile([2 ** 32 - 1, 0, 3], Buffer.alloc(0)), 'found 4294967295×0×3'],
    [
      'a size that no file has',
      idxFile([2 ** 32 - 1, 2 ** 32 - 1, 9], Buffer.alloc(9)),
      'for 4294967295×4294967295',
    ],
  ])('refuses %s', async (_, bytes, message) => {
    const path = await written({ 't10k-images-idx3-ubyte': bytes });
    await expect(openIdx([path])).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining(message),
    });
    await expect(openIdx([path])).rejects.toThrow(path);
  });

  it.each([
    ['no gzip', Buffer.from('hello')],
    ['cut off', gzipSync(pictures).subarray(0, -6)],
  ])('refuses a .gz that is %s', async (_, bytes) => {
    const path = await written({ 't10k-images-idx3-ubyte.gz': bytes });
    await expect(openIdx([path])).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining('is not valid gzip'),
    });
  });

  it.each([
    ['too many labels', idxFile([3], Buffer.alloc(3)), 'expected 2 labels, one per picture of t10k'],
    ['labels in another format', Buffer.from('nothing of the kind'), 'magic number 0x00000801'],
  ])('refuses %s', async (_, bytes, message) => {
    const path = await written({ 't10k-images-idx3-ubyte': pictures, 't10k-labels-idx1-ubyte': bytes });
    await expect(openIdx([path])).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('reports a missing file', async () => {
    await expect(openIdx(['/nowhere/images-idx3-ubyte'])).rejects.toMatchObject({ code: 'DATA_NOT_FOUND' });
  });
});
