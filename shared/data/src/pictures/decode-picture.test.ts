import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { cmykJpeg, multiPageTiff, tiffFile } from '../testing/picture-files.js';
import { decodePicture } from './decode-picture.js';
import { maxPicturePixels } from './picture.js';

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

  it('gives rows of interleaved channels', async () => {
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

  it('blends transparency with black', async () => {
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

  it('refuses a picture that is too large before it decodes it', async () => {
    expect(16_383 ** 2).toBeGreaterThan(maxPicturePixels);
    await expect(decodePicture(await hugeWebp(), 3, 'huge.webp')).rejects.toThrow('pixel limit');
  });
});

describe('the colours that decodePicture gives', () => {
  const grey3 = [0, 0, 0, 0x80, 0x80, 0x80, 0xff, 0xff, 0xff];

  it('of a picture with a palette, with transparent entries', async () => {
    const bytes = await sharp(Buffer.from([200, 100, 50, 255, 1, 2, 3, 0]), {
      raw: { height: 1, width: 2, channels: 4 },
    })
      .png({ palette: true })
      .toBuffer();
    expect((await sharp(bytes).metadata()).isPalette).toBe(true);
    expect(await pixelsOf(bytes, 3)).toEqual([200, 100, 50, 0, 0, 0]);
  });

  it('of grey with transparency: blended with black', async () => {
    const bytes = await sharp(Buffer.from([200, 0, 200, 128, 200, 255]), {
      raw: { height: 1, width: 3, channels: 2 },
    })
      .png()
      .toBuffer();
    expect(await pixelsOf(bytes, 1)).toEqual([0, 100, 200]);
    expect(await pixelsOf(bytes, 3)).toEqual([0, 0, 0, 100, 100, 100, 200, 200, 200]);
  });

  it.each(['gif', 'webp'] as const)('of an animated %s: its first frame', async (format) => {
    const frames = Buffer.from([...red, ...red, ...white, ...white, ...black, ...black]);
    const raw = { width: 2, height: 3, channels: 3 as const, pageHeight: 1 };
    const image = sharp(frames, { raw });
    const bytes = await (format === 'gif' ? image.gif() : image.webp({ lossless: true })).toBuffer();
    expect((await sharp(bytes).metadata()).pages).toBe(3);
    expect(await decodePicture(bytes, 3, 'animation')).toMatchObject({
      ...{ height: 1, width: 2 },
      pixels: Buffer.from([...red, ...red]),
    });
  });

  it('of a TIFF with several pages: the first', async () => {
    expect(await pixelsOf(multiPageTiff([10, 200]), 1)).toEqual([10]);
  });

  it.each(['jpeg', 'png', 'webp', 'tiff'] as const)(
    'of a %s that lies on its side: upright',
    async (format) => {
      const square = { fit: 'fill', kernel: 'nearest' } as const;
      const lying = await row(white, black).resize(32, 16, square).png().toBuffer();
      const bytes = await sharp(lying).withMetadata({ orientation: 8 }).toFormat(format).toBuffer();
      // Orientation 8: to be turned by 90° anticlockwise; the right end goes to the top.
      const { height, width, pixels } = await decodePicture(bytes, 1, 'lying');
      expect({ height, width }).toEqual({ height: 32, width: 16 });
      expect(pixels[0]).toBeLessThan(10);
      expect(pixels.at(-1)).toBeGreaterThan(245);
    },
  );

  it('of a TIFF with 16 bits per sample', async () => {
    const bytes = tiffFile({ samples: Uint16Array.of(0, 0x8080, 0xffff) });
    expect(await pixelsOf(bytes, 1)).toEqual([0, 0x80, 0xff]);
    expect(await pixelsOf(bytes, 3)).toEqual(grey3);
  });

  it('of a TIFF in which 0 is white', async () => {
    const bytes = tiffFile({ samples: Uint8Array.of(0, 100, 255), zeroIsWhite: true });
    expect(await pixelsOf(bytes, 1)).toEqual([255, 155, 0]);
  });

  it('of CMYK, converted by its profile', async () => {
    const bytes = await cmykJpeg(row([128, 128, 128], [200, 100, 50], white, black), { profile: true });
    const { pixels, width } = await decodePicture(bytes, 3, 'press.jpg');
    const at = (index: number) => [...pixels.subarray((width / 4) * (index + 0.5) * 3).subarray(0, 3)];
    const near = (colour: readonly number[], by: number) =>
      colour.map((value) => expect.closeTo(value, -Math.log10(2 * by)));
    expect(at(0)).toEqual(near([118, 118, 118], 20));
    expect(at(1)).toEqual(near([195, 95, 35], 20));
    expect(at(2)).toEqual(near(white, 5));
    expect(at(3)).toEqual(near([25, 25, 20], 25));
  });

  it.each([
    ['floating-point', tiffFile({ samples: Float32Array.of(0, 0.5, 1) }), '8 or 16 bits per sample'],
    ['signed', tiffFile({ samples: Int8Array.of(0, 50, 100) }), '8 or 16 bits per sample'],
    ['32-bit', tiffFile({ samples: Uint32Array.of(0, 50, 100) }), '8 or 16 bits per sample'],
  ])('refuses %s samples, which may mean anything', async (_, bytes, message) => {
    await expect(decodePicture(bytes, 3, 'samples.tif')).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('refuses CMYK without a profile, and with one of something else', async () => {
    const picture = row([200, 100, 50]);
    for (const options of [{ profile: false }, { profile: true, damaged: true }]) {
      await expect(decodePicture(await cmykJpeg(picture, options), 3, 'press.jpg')).rejects.toMatchObject({
        code: 'IMAGE_INVALID',
        message: expect.stringContaining('expected CMYK with a colour profile, found none'),
      });
    }
  });

  it('refuses colour spaces that are not those of a screen', async () => {
    const lab = await row([200, 100, 50]).toColourspace('lab').tiff({ compression: 'none' }).toBuffer();
    await expect(decodePicture(lab, 3, 'lab.tif')).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
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
