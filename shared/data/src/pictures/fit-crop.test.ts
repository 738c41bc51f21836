import { describe, expect, it } from 'vitest';
import { fitCrop } from './fit-crop.js';

describe('fitCrop', () => {
  it.each([
    // height × width, shorter side to, crop → resized to, top, left: as torchvision gives them
    [[375, 500], 256, 224, [256, 341], 16, 58],
    [[500, 375], 256, 224, [341, 256], 58, 16],
    [[32, 32], 32, 32, [32, 32], 0, 0],
    [[32, 32], 36, 32, [36, 36], 2, 2],
    [[100, 30], 32, 32, [106, 32], 37, 0],
    [[4, 5], 4, 4, [4, 5], 0, 0],
    [[4, 7], 4, 4, [4, 7], 0, 2],
    [[9, 4], 4, 4, [9, 4], 2, 0],
  ])('%j with the shorter side to %d, cropped to %d', (from, resize, side, resized, top, left) => {
    const [height = 0, width = 0] = from;
    expect(fitCrop({ height, width }, resize, { height: side, width: side })).toEqual({
      resized: { height: resized[0], width: resized[1] },
      top,
      left,
    });
  });

  it('crops shapes that are not square', () => {
    expect(fitCrop({ height: 10, width: 20 }, 10, { height: 10, width: 4 })).toEqual({
      resized: { height: 10, width: 20 },
      top: 0,
      left: 8,
    });
  });
});
