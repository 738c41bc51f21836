import type { Manifest } from '../bundle/manifest.js';
import { OfframpError } from '../errors.js';
import { convertPicture, type Picture } from './picture.js';

export type InputSpecification = Manifest['input'];

/**
 * Turns a picture into the model's input as the manifest says: resized, then
 * (pixel / 255 − mean) / std per channel, channels first.
 * @returns channels × height × width values
 * @throws OfframpError `CONFIG_INVALID` for an input that is neither grey nor RGB
 */
export async function preprocess(picture: Picture, input: InputSpecification): Promise<Float32Array> {
  const [channels, height, width] = input.shape;
  const fitted = await convertPicture(picture, { height, width, channels: pictureChannels(input) });
  const area = height * width;
  const values = new Float32Array(channels * area);
  for (let channel = 0; channel < channels; channel++) {
    const mean = input.preprocessing.mean[channel] as number;
    const std = input.preprocessing.std[channel] as number;
    for (let i = 0; i < area; i++) {
      values[channel * area + i] = ((fitted.pixels[i * channels + channel] as number) / 255 - mean) / std;
    }
  }
  return values;
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
