import { describe, expect, it } from 'vitest';
import {
  type AugmentationDraw,
  augmentationSchema,
  drawAugmentation,
  noAugmentation,
  pixelAugmenter,
} from './augmentation.js';

const classic = { flip: true, crop: 4 };

/** 2 high, 3 wide. */
const grey = Uint8Array.of(1, 2, 3, 4, 5, 6);

function augmented(pixels: Uint8Array, channels: number, crop: number, draw: AugmentationDraw): number[] {
  // The previous contents of the target must be overwritten.
  const target = new Uint8Array(pixels.length).fill(99);
  pixelAugmenter({ flip: true, crop }, [channels, 2, 3])(pixels, draw, target);
  return [...target];
}

describe('drawAugmentation', () => {
  const drawsOf = (seed: number, epoch: number, count = 4000) =>
    Array.from({ length: count }, (_, index) => drawAugmentation(classic, { seed, epoch, index }));

  it('is determined by seed, epoch and index alone', () => {
    expect(drawsOf(1, 2, 50)).toEqual(drawsOf(1, 2, 100).slice(0, 50));
    const at = { seed: 7, epoch: 3, index: 41_234 };
    expect(drawAugmentation(classic, at)).toEqual(drawsOf(7, 3, 41_235).at(-1));
  });

  it.each([
    ['seed', drawsOf(1, 0), drawsOf(2, 0)],
    ['epoch', drawsOf(1, 0), drawsOf(1, 1)],
    ['seed and epoch', drawsOf(1, 2), drawsOf(2, 1)],
  ])('is unrelated for another %s', (_, some, others) => {
    const same = some.filter((draw, i) => JSON.stringify(draw) === JSON.stringify(others[i])).length;
    // By chance one in 2 × 9 × 9 is the same: 25 of 4,000, with a deviation of 5.
    expect(same).toBeLessThan(60);
    expect(same).toBeGreaterThan(2);
  });

  it('flips half, and gives every place in the padding its share', () => {
    const draws = drawsOf(1, 0, 16_200);
    const flips = draws.filter(({ flip }) => flip).length;
    expect(Math.abs(flips - 8100)).toBeLessThan(5 * Math.sqrt(16_200 / 4));
    const places = new Map<string, number>();
    for (const { top, left } of draws) {
      const place = `${top},${left}`;
      places.set(place, (places.get(place) ?? 0) + 1);
    }
    expect(places.size).toBe(81);
    for (const count of places.values()) expect(Math.abs(count - 200)).toBeLessThan(5 * Math.sqrt(200));
  });

  it('draws the same crops whether or not pictures are flipped', () => {
    for (let index = 0; index < 20; index++) {
      const at = { seed: 1, epoch: 1, index };
      const unflipped = drawAugmentation({ ...classic, flip: false }, at);
      expect(unflipped).toEqual({ ...drawAugmentation(classic, at), flip: false });
    }
  });

  it('does nothing by default', () => {
    const draws = Array.from({ length: 20 }, (_, index) =>
      drawAugmentation(noAugmentation, { seed: 1, epoch: 1, index }),
    );
    expect(new Set(draws.map((draw) => JSON.stringify(draw)))).toEqual(
      new Set([JSON.stringify({ flip: false, top: 0, left: 0 })]),
    );
  });
});

describe('pixelAugmenter', () => {
  it.each([
    ['the middle', { flip: false, top: 1, left: 1 }, [1, 2, 3, 4, 5, 6]],
    ['the top left', { flip: false, top: 0, left: 0 }, [0, 0, 0, 0, 1, 2]],
    ['the top', { flip: false, top: 0, left: 1 }, [0, 0, 0, 1, 2, 3]],
    ['the bottom right', { flip: false, top: 2, left: 2 }, [5, 6, 0, 0, 0, 0]],
    ['the right', { flip: false, top: 1, left: 2 }, [2, 3, 0, 5, 6, 0]],
    ['the middle, mirrored', { flip: true, top: 1, left: 1 }, [3, 2, 1, 6, 5, 4]],
    ['the top left, mirrored', { flip: true, top: 0, left: 0 }, [0, 0, 0, 2, 1, 0]],
    ['the right, mirrored', { flip: true, top: 1, left: 2 }, [0, 3, 2, 0, 6, 5]],
  ])('cuts %s out of a picture padded by one pixel', (_, draw, expected) => {
    expect(augmented(grey, 1, 1, draw)).toEqual(expected);
  });

  it('keeps the channels of a pixel together', () => {
    const colour = Uint8Array.from({ length: 18 }, (_, i) => i + 1);
    expect(augmented(colour, 3, 0, { flip: true, top: 0, left: 0 })).toEqual([
      ...[7, 8, 9, 4, 5, 6, 1, 2, 3],
      ...[16, 17, 18, 13, 14, 15, 10, 11, 12],
    ]);
    expect(augmented(colour, 3, 1, { flip: true, top: 0, left: 2 })).toEqual([
      ...new Array(9).fill(0),
      ...[0, 0, 0, 7, 8, 9, 4, 5, 6],
    ]);
  });

  it('rejects a crop that could leave nothing', () => {
    expect(() => pixelAugmenter({ flip: true, crop: 28 }, [1, 32, 28])).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('a crop below 28'),
      }),
    );
    expect(() => pixelAugmenter({ flip: true, crop: 27 }, [1, 32, 28])).not.toThrow();
  });
});

describe('augmentationSchema', () => {
  it.each([{ flip: true }, { flip: true, crop: -1 }, { flip: true, crop: 1.5 }, { flip: 1, crop: 0 }])(
    'refuses %o',
    (options) => {
      expect(augmentationSchema.safeParse(options).success).toBe(false);
    },
  );

  it('accepts the classic recipe', () => {
    expect(augmentationSchema.parse(classic)).toEqual(classic);
  });
});
