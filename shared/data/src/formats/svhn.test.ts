import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bytesOfNumbers, type MatVariable, matFile } from '../testing/array-files.js';
import { folderOf } from '../testing/folder-of.js';
import { openSvhn } from './svhn.js';

/** Two pictures, 1 high, 2 wide, of 3 channels. */
const X: MatVariable = {
  name: 'X',
  dimensions: [1, 2, 3, 2],
  type: 'u1',
  data: Uint8Array.from({ length: 12 }, (_, i) => i),
};
const y: MatVariable = { name: 'y', dimensions: [2, 1], type: 'u1', data: Uint8Array.of(10, 3) };

/** The tag of an array of the given size. */
const tag = (bytes: number) => Buffer.from(Uint32Array.of(14, bytes).buffer);
const compressed = (deflated: Uint8Array) =>
  Buffer.concat([matFile([]), Buffer.from(Uint32Array.of(15, deflated.length).buffer), deflated]);

const open = async (bytes: Uint8Array) =>
  openSvhn([join(await folderOf({ 'test_32x32.mat': bytes }), 'test_32x32.mat')]);

describe('openSvhn', () => {
  it('reads column-major pictures of another size, and 10 as label 0', async () => {
    const dataset = await open(matFile([y, X]));
    expect(dataset).toMatchObject({ size: 2, labelled: true, classNames: null });
    expect([dataset.labelAt(0), dataset.labelAt(1)]).toEqual([0, 3]);
    expect(await dataset.read(1)).toEqual({
      name: 'test_32x32.mat:1',
      label: 3,
      picture: { pixels: Uint8Array.of(6, 8, 10, 7, 9, 11), height: 1, width: 2, channels: 3 },
    });
  });

  it.each(['u2', 'f8'] as const)('reads labels stored as %s', async (type) => {
    const data = type === 'u2' ? Uint8Array.of(10, 0, 1, 0) : bytesOfNumbers(Float64Array.of(10, 1));
    const dataset = await open(matFile([X, { ...y, type, data }]));
    expect([dataset.labelAt(0), dataset.labelAt(1)]).toEqual([0, 1]);
  });

  it('skips text and whatever else the file holds', async () => {
    const text: MatVariable = { ...y, name: 'X', arrayClass: 4 };
    const other: MatVariable = { ...y, name: 'note' };
    expect((await open(matFile([text, other, X]))).labelled).toBe(false);
  });

  it('reads a big-endian file', async () => {
    const bytes = Buffer.from(matFile([X], { compress: false }));
    // Everything but the text, the array's name and its samples is words of 4 bytes.
    bytes.write('MI', 126);
    bytes.subarray(128, 180).swap32();
    bytes.subarray(184, 192).swap32();
    const { picture } = await (await open(bytes)).read(0);
    expect([...picture.pixels]).toEqual([0, 2, 4, 1, 3, 5]);
  });

  it.each([
    ['text', Buffer.from('hello'), 'expected a MAT-file of level 5, found "hello"'],
    ['nothing', Buffer.alloc(0), 'found ""'],
    ['a header alone', matFile([]), 'expected pictures in an array X, found no numeric array'],
    ['HDF5', Buffer.concat([Buffer.from('MATLAB 7.3 MAT-file, '), Buffer.alloc(512)]), 'save it with -v7'],
    ['no X', matFile([y]), 'expected pictures in an array X, found y'],
    [
      'pictures of text',
      matFile([{ ...X, type: 'u2', data: new Uint8Array(24) }]),
      'found 1×2×3×2 of type u2',
    ],
    ['two channels', matFile([{ ...X, dimensions: [1, 3, 2, 2] }]), 'found 1×3×2×2'],
    ['five dimensions', matFile([{ ...X, dimensions: [1, 2, 3, 1, 2] }]), 'found 1×2×3×1×2'],
    [
      'sizes that are not there',
      matFile([{ ...X, dimensions: [32, 32, 3, 2] }]),
      'expected 32×32×3×2 numbers',
    ],
    ['negative sizes', matFile([{ ...X, dimensions: [-1, -2, 3, 2] }]), 'expected -1×-2×3×2 numbers'],
    [
      'too few labels',
      matFile([X, { ...y, dimensions: [1, 1], data: Uint8Array.of(1) }]),
      'expected 2 labels',
    ],
    ['a label 0', matFile([X, { ...y, data: Uint8Array.of(0, 1) }]), 'from 1 to 10, found 0 for picture 0'],
    ['a label 11', matFile([X, { ...y, data: Uint8Array.of(1, 11) }]), 'found 11 for picture 1'],
    ['a cut file', matFile([X], { compress: false }).subarray(0, -8), 'is truncated'],
    ['a file cut in a tag', matFile([X], { compress: false }).subarray(0, 132), 'is truncated'],
    ['a cut compressed file', matFile([X]).subarray(0, -8), 'is truncated'],
    ['broken compression', compressed(Buffer.alloc(16, 0xff)), 'cannot be inflated'],
    ['less than an element', compressed(deflateSync(Buffer.alloc(4))), "expected an element's tag"],
    ['less than it declares', compressed(deflateSync(tag(1000))), 'expected 1008 bytes, found 8'],
    [
      'more than can be compressed',
      compressed(deflateSync(tag(0x7ffffff0))),
      'found a declared size of 2147483640',
    ],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(open(bytes)).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('reports a missing file', async () => {
    await expect(openSvhn([join(await folderOf({}), 'test.mat')])).rejects.toMatchObject({
      code: 'DATA_NOT_FOUND',
    });
  });
});
