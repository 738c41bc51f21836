import { type InputSpecification, sampleValues } from '@offramp/bundle';
import { fitPicture } from './fit-picture.js';
import type { Picture } from './picture.js';

/**
 * Converts a picture to the model's input as the manifest says: resized, cropped if asked, then
 * (pixel / 255 − mean) / std, or (pixel − mean) / std, per channel, channels first, in the model's order.
 * @returns channels × height × width values
 * @throws OfframpError `CONFIG_INVALID` for an input that is neither grey nor RGB; `IMAGE_INVALID` for a picture
 *   that would be too large once resized
 */
export async function preprocess(picture: Picture, input: InputSpecification): Promise<Float32Array> {
  return normalise(await fitPicture(picture, input), input);
}

/**
 * The second half of {@link preprocess}.
 * @param fitted a picture in the size and the number of channels of the input
 */
export function normalise(fitted: Picture, input: InputSpecification): Float32Array {
  const values = new Float32Array(fitted.pixels.length);
  normaliserOf(input)(fitted.pixels, values, 0);
  return values;
}

const normalisers = new WeakMap<InputSpecification, PixelNormaliser>();

/** Kept per input: its tables take as long to compute as a small picture takes to normalise. */
function normaliserOf(input: InputSpecification): PixelNormaliser {
  const known = normalisers.get(input);
  if (known) return known;
  const made = pixelNormaliser(input);
  normalisers.set(input, made);
  return made;
}

/** Writes the values of one fitted picture, channels first, into `target` from `offset` on. */
export type PixelNormaliser = (pixels: Uint8Array, target: Float32Array, offset: number) => void;

/** {@link normalise} into memory that the caller has. */
export function pixelNormaliser(input: InputSpecification): PixelNormaliser {
  const [channels, height, width] = input.shape;
  const { channelOrder } = input.preprocessing;
  const area = height * width;
  const valuesOf = sampleValues(input);
  return (pixels, target, offset) => {
    for (let channel = 0; channel < channels; channel++) {
      const values = valuesOf[channel] as Float32Array;
      const start = offset + channel * area;
      let from = channelOrder === 'bgr' ? channels - 1 - channel : channel;
      for (let i = 0; i < area; i++) {
        target[start + i] = values[pixels[from] as number] as number;
        from += channels;
      }
    }
  };
}
