import type { InputSpecification } from '@offramp/bundle';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { decodePicture } from './decode-picture.js';
import { fitPicture } from './fit-picture.js';
import { PictureDecoder } from './picture-decoder.js';

let decoder: PictureDecoder | null = null;
afterEach(() => decoder?.close());

const open = () => {
  decoder = new PictureDecoder({ processes: 1 });
  return decoder;
};

const noise = async (width: number, height: number) =>
  sharp({
    create: {
      width,
      height,
      channels: 3,
      background: '#000',
      noise: { type: 'gaussian', mean: 120, sigma: 60 },
    },
  })
    .jpeg()
    .toBuffer();

/** Grows to gigabytes where it is drawn. */
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="4000"><filter id="f">${'<feTurbulence baseFrequency="0.9" numOctaves="60"/><feGaussianBlur stdDeviation="50"/>'.repeat(20)}</filter><rect width="4000" height="4000" filter="url(#f)"/></svg>`;

describe('PictureDecoder', () => {
  it('decodes and fits pictures as in one process', async () => {
    const bytes = await noise(60, 40);
    const input: InputSpecification = {
      shape: [3, 8, 8],
      preprocessing: { resizeMode: 'fit-crop', resize: 10, mean: [0, 0, 0], std: [1, 1, 1] },
    };
    const here = await decodePicture(bytes, 3, 'noise');
    const there = await open().decode(bytes, 3, 'noise');
    expect(there).toMatchObject({ height: 40, width: 60, channels: 3 });
    expect(Buffer.compare(there.pixels, here.pixels)).toBe(0);
    const fitted = await decoder?.decodeFitted(bytes, input, 'noise');
    expect(fitted).toEqual({
      ...(await fitPicture(here, input)),
      source: { height: 40, width: 60, upright: true },
    });
  });

  it.each([
    ['nothing', ''],
    ['SVG', svg],
    ['SVG', `<?xml version="1.0"?>\n${svg}`],
    ['PDF', '%PDF-1.7\n'],
    ['BMP', 'BM\x8a\0\0\0\0\0\0\0'],
    ['HEIC', '\0\0\0\x18ftypheic\0\0\0\0mif1heic'],
    ['JPEG XL', '\xff\x0a\0\0'],
    ['Netpbm', 'P6 1 1 255 abc'],
    ['a gzip file', '\x1f\x8b\x08'],
    ['a ZIP archive', 'PK\x03\x04'],
    ['something else', 'hello'],
  ])('refuses %s by its content, without a process', async (what, content) => {
    await expect(open().decode(Buffer.from(content, 'latin1'), 3, 'cat.png')).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: `cat.png: expected PNG, JPEG, WebP, GIF, TIFF or AVIF by its content, found ${what}`,
    });
    expect(decoder?.pids).toEqual([]);
  });

  it('leaves the code that reads other formats out, even where a file passes for a picture', async () => {
    // sharp in this process is what the decoding processes have.
    for (const bytes of [Buffer.from(svg), Buffer.from('P6\n1 1\n255\nabc'), Buffer.from('%PDF-1.4')]) {
      await expect(sharp(bytes).metadata()).rejects.toThrow('unsupported image format');
    }
  });

  it('says why a picture cannot be decoded, and goes on', async () => {
    const bytes = await noise(64, 64);
    await expect(open().decode(bytes.subarray(0, 300), 3, 'cat.jpg')).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining('cat.jpg: cannot be decoded as a picture: '),
    });
    expect(await decoder?.decode(bytes, 3, 'cat.jpg')).toMatchObject({ height: 64 });
  });

  it('loses one picture when its process is lost', async () => {
    const bytes = await noise(3_000, 3_000);
    open().warm();
    await decoder?.decode(await noise(8, 8), 3, 'small');
    const lost = decoder?.decode(bytes, 3, 'cat.jpg');
    process.kill(decoder?.pids[0] as number, 'SIGKILL');
    await expect(lost).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: 'cat.jpg: cannot be decoded as a picture: its decoding ended with SIGKILL',
    });
    expect(await decoder?.decode(await noise(8, 8), 3, 'next')).toMatchObject({ height: 8 });
  });

  it('rejects what is not decoded once it is closed', async () => {
    const decodings = [await noise(3_000, 3_000), await noise(8, 8)].map((bytes) =>
      open().decode(bytes, 3, 'cat.jpg'),
    );
    decoder?.close();
    await expect(decodings[1]).rejects.toMatchObject({ code: 'STOPPING' });
    await expect(open().decode(await noise(8, 8), 3, 'cat.jpg')).resolves.toMatchObject({ height: 8 });
  });
});
