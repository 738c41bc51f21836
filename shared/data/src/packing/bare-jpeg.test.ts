import sharp from 'sharp';
import { expect, it } from 'vitest';
import { decodePicture } from '../pictures/decode-picture.js';
import { bareJpeg } from './bare-jpeg.js';

const place = 'Trafalgar Square';
const comment = Buffer.from([0xff, 0xfe, 0, 7, ...Buffer.from('alice')]);

/** A picture as a camera writes it: with place, profile and comment, and more after its end. */
async function cameraJpeg(progressive = false): Promise<Buffer> {
  const noise = { type: 'gaussian', mean: 120, sigma: 60 } as const;
  const file = await sharp({ create: { width: 60, height: 40, channels: 3, background: '#000', noise } })
    .withExif({ IFD0: { ImageDescription: place } })
    .withIccProfile('p3')
    .jpeg({ progressive })
    .toBuffer();
  return Buffer.concat([file.subarray(0, 2), comment, file.subarray(2), Buffer.from('a film')]);
}

it.each([false, true])(
  'keeps what pixels follow from and nothing else (progressive: %s)',
  async (progressive) => {
    const file = await cameraJpeg(progressive);
    const bare = bareJpeg(file, file.length) as Buffer;
    expect(file.includes(place)).toBe(true);
    for (const text of [place, 'alice', 'Exif', 'a film']) expect(bare.includes(text)).toBe(false);
    expect((await sharp(bare).metadata()).icc).toBeDefined();
    expect(await decodePicture(bare, 3, 'bare')).toEqual(await decodePicture(file, 3, 'whole'));
    expect(bareJpeg(file, bare.length)).toEqual(bare);
    expect(bareJpeg(file, bare.length - 1)).toBeNull();
  },
);

it('refuses a file that is cut off anywhere, and other files', async () => {
  const file = await cameraJpeg();
  const whole = file.length - 'a film'.length;
  for (let length = 0; length < whole; length += 1 + (length >> 6)) {
    expect(bareJpeg(file.subarray(0, length), whole)).toBeNull();
  }
  expect(bareJpeg(await sharp(file).png().toBuffer(), 1e6)).toBeNull();
});
