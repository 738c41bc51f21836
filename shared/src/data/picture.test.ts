import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { convertPicture, decodePicture, maxPicturePixels, type Picture } from './picture.js';

/** One pixel high, these colours side by side. */
function row(...colours: [number, number, number][]) {
  return sharp(Buffer.from(colours.flat()), { raw: { height: 1, width: colours.length, channels: 3 } });
}

const red: [number, number, number] = [255, 0, 0];
const white: [number, number, number] = [255, 255, 255];
const black: [number, number, number] = [0, 0, 0];

const pixelsOf = async (bytes: Uint8Array, channels: 1 | 3) => [
  ...(await decodePicture(bytes, channels, 'picture')).pixels,
];

describe('decodePicture', () => {
  it.each(['png', 'webp', 'tiff', 'gif', 'jpeg', 'avif'] as const)('reads %s', async (format) => {
    const bytes = await row(white, white, black, black)
      .resize(32, 8, { kernel: 'nearest' })
      .toFormat(format)
      .toBuffer();
    const picture = await decodePicture(bytes, 3, 'picture');
    expect(picture).toMatchObject({ height: 8, width: 32, channels: 3 });
    expect(picture.pixels).toHaveLength(8 * 32 * 3);
    expect(picture.pixels[0]).toBeGreaterThan(245);
    expect(picture.pixels.at(-1)).toBeLessThan(10);
  });

  it('gives rows of interleaved channels, exactly', async () => {
    expect(await pixelsOf(await row(red, [1, 2, 3]).png().toBuffer(), 3)).toEqual([255, 0, 0, 1, 2, 3]);
  });

  it('makes grey of colour: white and black stay, red is dark', async () => {
    const [fromWhite, fromBlack, fromRed] = await pixelsOf(await row(white, black, red).png().toBuffer(), 1);
    expect([fromWhite, fromBlack]).toEqual([255, 0]);
    expect(fromRed).toBeGreaterThan(30);
    expect(fromRed).toBeLessThan(130);
  });

  it('makes colour of grey', async () => {
    const grey = await sharp(Buffer.from([0, 100, 255]), { raw: { height: 1, width: 3, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect((await sharp(grey).metadata()).channels).toBe(1);
    expect(await pixelsOf(grey, 3)).toEqual([0, 0, 0, 100, 100, 100, 255, 255, 255]);
    expect(await pixelsOf(grey, 1)).toEqual([0, 100, 255]);
  });

  it('reads 16 bits per sample as 8', async () => {
    const wide = await sharp(Uint16Array.of(0, 0x8080, 0xffff), {
      raw: { height: 1, width: 3, channels: 1 },
    })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    expect((await sharp(wide).metadata()).depth).toBe('ushort');
    expect(await pixelsOf(wide, 1)).toEqual([0, 0x80, 0xff]);
    expect(await pixelsOf(wide, 3)).toEqual([0, 0, 0, 0x80, 0x80, 0x80, 0xff, 0xff, 0xff]);
  });

  it('lays transparency on black', async () => {
    const bytes = await sharp(Buffer.from([200, 100, 50, 0, 200, 100, 50, 255]), {
      raw: { height: 1, width: 2, channels: 4 },
    })
      .png()
      .toBuffer();
    expect(await pixelsOf(bytes, 3)).toEqual([0, 0, 0, 200, 100, 50]);
  });

  it('turns a picture upright as its EXIF data say', async () => {
    // Orientation 6: to be turned by 90° clockwise; the left end goes to the top.
    const bytes = await row(red, white, black).withMetadata({ orientation: 6 }).png().toBuffer();
    const picture = await decodePicture(bytes, 3, 'picture');
    expect(picture).toMatchObject({ height: 3, width: 1 });
    expect([...picture.pixels]).toEqual([...red, ...white, ...black]);
  });

  it.each([
    ['nothing', async () => Buffer.alloc(0)],
    ['text', async () => Buffer.from('hello')],
    [
      'the beginning of one',
      async () =>
        (
          await row(...noise())
            .png()
            .toBuffer()
        ).subarray(0, 200),
    ],
    [
      'one with bytes changed',
      async () =>
        (
          await row(...noise())
            .png()
            .toBuffer()
        ).fill(7, 100, 200),
    ],
    ['a picture of 256 megapixels', async () => hugeWebp()],
  ])('refuses %s', async (_, bytes) => {
    await expect(decodePicture(await bytes(), 3, 'cat.png')).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining('cat.png: cannot be decoded as a picture: '),
    });
  });

  it('refuses a picture for its size before it decodes it', async () => {
    expect(16_383 ** 2).toBeGreaterThan(maxPicturePixels);
    await expect(decodePicture(await hugeWebp(), 3, 'huge.webp')).rejects.toThrow('pixel limit');
  });
});

/** Does not compress, so that bytes in the middle of the file matter. */
function noise(): [number, number, number][] {
  return Array.from({ length: 300 }, (_, i) => [(i * i * 37) % 256, (i * 101) % 256, (i ** 3 * 13) % 256]);
}

/** A few bytes that say they are 16,383 × 16,383 pixels, in two fields of 14 bits. */
async function hugeWebp(): Promise<Buffer> {
  const webp = await row(red).webp({ lossless: true }).toBuffer();
  webp.writeUInt32LE((16_382 << 14) | 16_382, webp.indexOf('VP8L') + 9);
  return webp;
}

describe('convertPicture', () => {
  const grey: Picture = { pixels: Uint8Array.of(0, 200), height: 1, width: 2, channels: 1 };

  it('hands back what fits already', async () => {
    expect(await convertPicture(grey, { height: 1, width: 2, channels: 1 })).toBe(grey);
  });

  it('converts between grey and colour', async () => {
    const colour = await convertPicture(grey, { height: 1, width: 2, channels: 3 });
    expect(colour).toEqual({
      pixels: Buffer.from([0, 0, 0, 200, 200, 200]),
      height: 1,
      width: 2,
      channels: 3,
    });
    expect([...(await convertPicture(colour, { height: 1, width: 2, channels: 1 })).pixels]).toEqual([
      0, 200,
    ]);
  });

  it('stretches to the size asked for', async () => {
    const large = await convertPicture(grey, { height: 3, width: 4, channels: 1 });
    expect(large).toMatchObject({ height: 3, width: 4, channels: 1 });
    expect(large.pixels).toHaveLength(12);
    expect([...large.pixels.subarray(0, 4)]).toEqual([...large.pixels.subarray(8, 12)]);
    expect([...large.pixels.subarray(0, 4)]).toEqual([...large.pixels.subarray(0, 4)].sort((a, b) => a - b));
  });

  it('keeps an even picture even, at any size', async () => {
    const even: Picture = {
      pixels: new Uint8Array(30 * 20 * 3).fill(77),
      height: 30,
      width: 20,
      channels: 3,
    };
    const small = await convertPicture(even, { height: 7, width: 9, channels: 3 });
    expect(new Set(small.pixels)).toEqual(new Set([77]));
    expect(small.pixels).toHaveLength(7 * 9 * 3);
  });
});
