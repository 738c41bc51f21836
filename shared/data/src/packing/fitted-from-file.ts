import { type InputSpecification, maxPictureFileBytes } from '@offramp/bundle';
import type { FittedSample } from '../dataset.js';
import type { DecodedPicture } from '../pictures/decoder-process.js';
import { bareJpeg } from './bare-jpeg.js';
import { maxSourcePixels } from './source-bounds.js';

/**
 * A fitted sample from a picture's file, and the file itself, without all but its pixels, if it may travel: a JPEG that a
 * worker takes, and that is no larger than the 8-bit samples of the input.
 */
export function fittedFromFile(
  bytes: Uint8Array,
  { pixels, source }: DecodedPicture,
  input: InputSpecification,
): Pick<FittedSample, 'values' | 'file'> {
  // What turns a picture is among what is left out.
  const small = source.upright && source.height * source.width <= maxSourcePixels;
  const file = small ? bareJpeg(bytes, maxPictureFileBytes(input)) : null;
  return { values: pixels, ...(file ? { file } : {}) };
}
