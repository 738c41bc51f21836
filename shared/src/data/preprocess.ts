import type { Manifest } from '../bundle/manifest.js';
import { OfframpError } from '../errors.js';
import { convertPicture, cropPicture, type Picture } from './picture.js';

export type InputSpecification = Manifest['input'];

/**
 * Turns a picture into the model's input as the manifest says: resized, perhaps cropped, then
 * (pixel / 255 − mean) / std, or (pixel − mean) / std, per channel, channels first, in the model's order.
 * @returns channels × height × width values
 * @throws OfframpError `CONFIG_INVALID` for an input that is neither grey nor RGB; `IMAGE_INVALID` for a picture
 *   that would be too large once resized
 */
export async function preprocess(picture: Picture, input: InputSpecification): Promise<Float32Array> {
  const fitted = await fitPicture(picture, input);
  const values = new Float32Array(fitted.pixels.length);
  normaliserOf(input)(fitted.pixels, values, 0);
  return values;
}

const normalisers = new WeakMap<InputSpecification, PixelNormaliser>();

/** Its tables take as long to make as a small picture to normalise. */
function normaliserOf(input: InputSpecification): PixelNormaliser {
  const known = normalisers.get(input);
  if (known) return known;
  const made = pixelNormaliser(input);
  normalisers.set(input, made);
  return made;
}

/**
 * The first half of {@link preprocess}: the picture in the size and the number of channels of the input, still
 * 8-bit samples, red first.
 * @throws OfframpError `CONFIG_INVALID`, `IMAGE_INVALID`
 */
export async function fitPicture(picture: Picture, input: InputSpecification): Promise<Picture> {
  const [, height, width] = input.shape;
  const to = { height, width, channels: pictureChannels(input) };
  const { resizeMode, resize } = input.preprocessing;
  return resizeMode === 'fit-crop'
    ? cropPicture(picture, resize ?? Math.max(height, width), to)
    : convertPicture(picture, to);
}

/** Writes the values of one fitted picture, channels first, into `target` from `offset` on. */
export type PixelNormaliser = (pixels: Uint8Array, target: Float32Array, offset: number) => void;

/** The second half of {@link preprocess}. */
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

/** Per channel of the input, in its order: the value of each of the 256 samples. */
export function sampleValues({ preprocessing }: InputSpecification): Float32Array[] {
  const { mean, std, scale } = preprocessing;
  const divisor = scale === 'raw' ? 1 : 255;
  return mean.map((_, channel) =>
    Float32Array.from(
      { length: 256 },
      (_, sample) => (sample / divisor - (mean[channel] as number)) / (std[channel] as number),
    ),
  );
}

/** @throws OfframpError `CONFIG_INVALID` for an input that is neither grey nor RGB */
export function pictureChannels(input: InputSpecification): 1 | 3 {
  const channels = input.shape[0];
  if (channels !== 1 && channels !== 3) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `the model takes ${channels} channels; pictures have 1 (grey) or 3 (RGB)`,
    );
  }
  return channels;
}
