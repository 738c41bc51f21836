import type { InputSpecification } from '@offramp/bundle';
import { normalise } from '../normalise.js';
import { fitPicture } from './fit-picture.js';
import type { Picture } from './picture.js';

/**
 * Converts a picture to the model's input as the manifest says: resized, cropped if asked, then normalised.
 * @returns channels × height × width values
 * @throws OfframpError `CONFIG_INVALID` for an input that is neither grey nor RGB; `IMAGE_INVALID` for a picture
 *   that would be too large once resized
 */
export async function preprocess(picture: Picture, input: InputSpecification): Promise<Float32Array> {
  const { pixels } = await fitPicture(picture, input);
  return normalise(pixels, input);
}
