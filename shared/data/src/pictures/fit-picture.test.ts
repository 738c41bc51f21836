import { describe, expect, it } from 'vitest';
import { convertPicture } from './fit-picture.js';
import type { Picture } from './picture.js';

describe('convertPicture', () => {
  const grey: Picture = { pixels: Uint8Array.of(0, 200), height: 1, width: 2, channels: 1 };

  it('returns a picture that already fits', async () => {
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

  it('stretches to the given size', async () => {
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
