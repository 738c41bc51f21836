import type { PictureFile, PictureInput } from '@offramp/bundle';
import { messageOf, OfframpError } from '@offramp/runtime/errors';
import { decodePicture } from '../pictures/decode-picture.js';
import { pictureFileFormat } from '../pictures/file-format.js';
import { fitPicture, pictureChannels } from '../pictures/fit-picture.js';
import type { Picture } from '../pictures/picture.js';
import { sharp } from '../pictures/sharp.js';
import { maxSourcePixels } from './source-bounds.js';

/**
 * Decodes a picture file that travelled, to a picture fitted to the input. In this process and without a bound of time:
 * for bytes from outside, `PictureDecoder` runs it in others.
 * @param name names the picture in errors
 * @throws OfframpError `IMAGE_INVALID`
 */
export async function unpackPicture(file: PictureFile, input: PictureInput, name: string): Promise<Picture> {
  const { bytes, format, fitted } = file;
  const found = pictureFileFormat(bytes, name);
  if (found !== format) {
    throw new OfframpError('IMAGE_INVALID', `${name}: expected a ${format} file, found ${found}`);
  }
  if (fitted) return unpackFitted(bytes, input, name);
  const picture = await decodePicture(bytes, pictureChannels(input), name, maxSourcePixels);
  return fitPicture(picture, input);
}

async function unpackFitted(bytes: Uint8Array, input: PictureInput, name: string): Promise<Picture> {
  const channels = pictureChannels(input);
  const [, height, width] = input.shape;
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: height * width })
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const pixels = channels === 1 ? firstChannel(data, info.channels) : data;
    if (info.height !== height || info.width !== width || pixels.length !== height * width * channels) {
      throw new Error(
        `expected ${input.shape.join('×')}, found ${info.channels}×${info.height}×${info.width}`,
      );
    }
    return { pixels, height, width, channels };
  } catch (cause) {
    throw new OfframpError('IMAGE_INVALID', `${name}: cannot be decoded as a picture: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Of a grey picture in a format that has only colours: all channels are the same. */
function firstChannel(pixels: Uint8Array, channels: number): Uint8Array {
  if (channels === 1) return pixels;
  return Uint8Array.from({ length: pixels.length / channels }, (_, i) => pixels[i * channels] as number);
}
