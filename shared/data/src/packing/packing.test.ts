import type { PictureFile, PictureInput } from '@offramp/bundle';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { normalise } from '../normalise.js';
import { isLosslessPacking, type Packing, packPicture } from './pack-picture.js';
import { pixelsOfInput } from './pixels-of-input.js';
import { repackPicture } from './repack-picture.js';
import { unpackPicture } from './unpack-picture.js';

const colour: PictureInput = {
  shape: [3, 20, 28],
  preprocessing: { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3], channelOrder: 'bgr' },
};
const grey: PictureInput = { shape: [1, 20, 28], preprocessing: { mean: [127.5], std: [60], scale: 'raw' } };
const inputs: [string, PictureInput][] = [
  ['colour', colour],
  ['grey', grey],
];
const packings: Packing[] = [
  { form: 'uint8+deflate' },
  { form: 'webp-lossless' },
  { form: 'webp-near-lossless', quality: 60 },
  { form: 'webp', quality: 95 },
  { form: 'jpeg', quality: 95 },
  { form: 'jpeg', quality: 60 },
];

/** Soft waves with every sample from 0 to 255 among them. */
function pixelsFor({ shape: [channels, height, width] }: PictureInput): Uint8Array {
  const pixels = Uint8Array.from({ length: channels * height * width }, (_, i) => {
    const at = Math.floor(i / channels);
    return 127 + 120 * Math.sin((at % width) / 9 + (i % channels)) * Math.cos(Math.floor(at / width) / 7);
  });
  for (let sample = 0; sample < 256; sample++) pixels[2 * sample] = sample;
  return pixels;
}

describe.each(inputs)('a %s picture', (_, input) => {
  const pixels = pixelsFor(input);

  it('is found again in the model’s input', () => {
    expect(pixelsOfInput(normalise(pixels, input), input)).toEqual(pixels);
    const other = normalise(pixels, input);
    other[7] = 1e-3;
    expect(pixelsOfInput(other, input)).toBeNull();
  });

  it.each(packings)('arrives packed as %o', async (packing) => {
    const { bytes, pixels: arrived } = await repackPicture(pixels, input, packing);
    expect(bytes).toBe((await packPicture(pixels, input, packing)).byteLength);
    expect(bytes).toBeLessThan(pixels.length);
    if (isLosslessPacking(packing)) expect(new Uint8Array(arrived)).toEqual(pixels);
    else {
      const errors = arrived.map((value, i) => Math.abs(value - (pixels[i] as number)));
      expect(arrived).not.toEqual(pixels);
      expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(25);
    }
  });
});

const jpegOf = (width: number, height: number, options = {}) =>
  sharp({ create: { width, height, channels: 3, background: '#8040c0' } })
    .jpeg(options)
    .toBuffer();

describe('a picture file that travelled', () => {
  const fitted = (bytes: Uint8Array): PictureFile => ({ bytes, format: 'jpeg', fitted: true });

  it('is resized and cropped if it is the camera’s own, as on the device', async () => {
    const bytes = await jpegOf(90, 60);
    const input: PictureInput = {
      ...colour,
      preprocessing: { ...colour.preprocessing, resizeMode: 'fit-crop', resize: 30 },
    };
    const { pixels } = await unpackPicture({ bytes, format: 'jpeg', fitted: false }, input, 'x');
    expect(pixels).toHaveLength(3 * 20 * 28);
    expect([...pixels.subarray(0, 3)].map((value) => Math.round(value / 8))).toEqual([16, 8, 24]);
  });

  it.each([
    ['of another size', jpegOf(28, 21), 'Input image exceeds pixel limit'],
    ['turned', jpegOf(20, 28), 'expected 3×20×28, found 3×28×20'],
    [
      'in another format',
      sharp(pixelsFor(grey), { raw: { width: 28, height: 20, channels: 1 } })
        .png()
        .toBuffer(),
      'expected a jpeg file, found png',
    ],
    ['cut off', jpegOf(28, 20).then((bytes) => bytes.subarray(0, -40)), 'cannot be decoded as a picture'],
  ])('is refused if it is %s', async (_, bytes, message) => {
    await expect(unpackPicture(fitted(await bytes), colour, 'x')).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('is refused if the camera’s own is larger than 4 megapixels', async () => {
    const bytes = await jpegOf(2_049, 2_048, { quality: 10 });
    await expect(unpackPicture({ bytes, format: 'jpeg', fitted: false }, colour, 'x')).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
    });
  });
});
