import type { SampleValues } from '@offramp/data';
import { OfframpError } from '@offramp/runtime';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { z } from 'zod';
import { combineSeeds } from '../support/random.js';

export const augmentationSchema = z.strictObject({
  /** Half of the pictures, redrawn each epoch, are mirrored left to right. */
  flip: z.boolean(),
  /** Pictures are shifted by up to this many pixels along each axis and padded with black. 0: no shift. */
  crop: z.number().int().min(0).max(1024),
});

/**
 * How training pictures are varied. The classic recipe for CIFAR is both, with a crop of 4: padded by 4 pixels on each
 * side, then 32×32 cut out anywhere (He et al., 2015, arXiv 1512.03385, section 4.2).
 */
export type Augmentation = z.infer<typeof augmentationSchema>;

export const noAugmentation: Augmentation = { flip: false, crop: 0 };

/** The augmentation of one picture. */
export interface AugmentationDraw {
  flip: boolean;
  /** Start of the crop in the padded picture, in pixels from 0 to twice the padding. */
  top: number;
  left: number;
}

/**
 * The augmentation of a picture in an epoch. It depends only on the arguments, not on earlier draws, so that a
 * resumed run sees the same pictures.
 */
export function drawAugmentation(
  { flip, crop }: Augmentation,
  at: { seed: number; epoch: number; index: number },
): AugmentationDraw {
  const generator = xoroshiro128plus(combineSeeds(at.seed, at.epoch, at.index));
  return {
    flip: uniformInt(generator, 0, 1) === 1 && flip,
    top: uniformInt(generator, 0, 2 * crop),
    left: uniformInt(generator, 0, 2 * crop),
  };
}

/**
 * Writes the augmented picture to `target`. Pictures are fitted pixels before normalisation: a quarter of the
 * bytes of float32, and torchvision and the recipe pad with black, too.
 */
export type PixelAugmenter = (pixels: SampleValues, draw: AugmentationDraw, target: Uint8Array) => void;

/**
 * @param shape channels × height × width; pixels are interleaved, height × width × channels
 * @throws OfframpError `CONFIG_INVALID` for a crop that could leave nothing of the picture
 */
export function pixelAugmenter(
  { crop }: Augmentation,
  [channels, height, width]: readonly [number, number, number],
): PixelAugmenter {
  if (crop >= Math.min(height, width)) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `augmentation: expected a crop below ${Math.min(height, width)}, the shorter side of the input; found ${crop}`,
    );
  }
  const rowBytes = width * channels;
  return (pixels, { flip, top, left }, target) => {
    target.fill(0);
    // Row y, column x of the crop is row y + top − crop of the picture, and likewise its column.
    const down = top - crop;
    const right = left - crop;
    const firstRow = Math.max(0, -down);
    const lastRow = Math.min(height, height - down);
    const firstColumn = Math.max(0, -right);
    const columns = width - Math.abs(right);
    for (let y = firstRow; y < lastRow; y++) {
      const from = (y + down) * rowBytes + (firstColumn + right) * channels;
      const to = y * rowBytes;
      if (flip) {
        for (let x = 0; x < columns; x++) {
          const source = from + x * channels;
          const mirrored = to + (width - 1 - firstColumn - x) * channels;
          for (let channel = 0; channel < channels; channel++) {
            target[mirrored + channel] = pixels[source + channel] as number;
          }
        }
      } else {
        target.set(pixels.subarray(from, from + columns * channels), to + firstColumn * channels);
      }
    }
  };
}
