import type { InputSpecification, PictureInput } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime/errors';
import { fitCrop, type Size } from './fit-crop.js';
import { maxPicturePixels, type Picture } from './picture.js';
import type { Sharp } from './sharp.js';

/**
 * The first half of `preprocess`: the picture in the size and the number of channels of the input, still 8-bit
 * samples, red first.
 * @throws OfframpError `CONFIG_INVALID`, `IMAGE_INVALID`
 */
export async function fitPicture(picture: Picture, input: InputSpecification): Promise<Picture> {
  const channels = pictureChannels(input);
  const { shape, preprocessing } = expectPictures(input);
  const [, height, width] = shape;
  const to = { height, width, channels };
  const { resizeMode, resize } = preprocessing;
  return resizeMode === 'fit-crop'
    ? cropPicture(picture, resize ?? Math.max(height, width), to)
    : convertPicture(picture, to);
}

/** @throws OfframpError `CONFIG_INVALID` for an input that is a tensor */
export function expectPictures(input: InputSpecification): PictureInput {
  if (input.kind !== 'tensor') return input;
  throw new OfframpError(
    'CONFIG_INVALID',
    `the model takes tensors of ${input.shape.join('×')}, which pictures cannot become`,
  );
}

/** @throws OfframpError `CONFIG_INVALID` for an input that is neither grey nor RGB */
export function pictureChannels(input: InputSpecification): 1 | 3 {
  const [channels] = expectPictures(input).shape;
  if (channels !== 1 && channels !== 3) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `the model takes ${channels} channels; pictures have 1 (grey) or 3 (RGB)`,
    );
  }
  return channels;
}

export interface PictureFormat extends Size {
  channels: 1 | 3;
}

/** The picture in another size (bilinear, aspect ratio not kept) and number of channels. */
export async function convertPicture(picture: Picture, to: PictureFormat): Promise<Picture> {
  if (picture.height === to.height && picture.width === to.width && picture.channels === to.channels) {
    return picture;
  }
  const image = await rawImage(picture);
  const resized = image.resize(to.width, to.height, { fit: 'fill', kernel: 'linear' });
  return { pixels: await rawPixels(resized, to.channels), ...to };
}

/**
 * The picture with its shorter side resized to `resize` (bilinear, aspect ratio kept), then cropped to its centre.
 * @throws OfframpError `IMAGE_INVALID` for a picture so long that it would be too large once resized
 */
export async function cropPicture(picture: Picture, resize: number, to: PictureFormat): Promise<Picture> {
  const { resized, top, left } = fitCrop(picture, resize, to);
  if (resized.height * resized.width > maxPicturePixels) {
    throw new OfframpError(
      'IMAGE_INVALID',
      `a picture of ${picture.height}×${picture.width} with its shorter side resized to ${resize} has more than ${maxPicturePixels} pixels`,
    );
  }
  const whole = { ...resized, channels: to.channels };
  if (resized.height === to.height && resized.width === to.width) return convertPicture(picture, whole);
  const image = await rawImage(picture);
  const cropped = image
    .resize(resized.width, resized.height, { fit: 'fill', kernel: 'linear' })
    .extract({ left, top, width: to.width, height: to.height });
  return { pixels: await rawPixels(cropped, to.channels), ...to };
}

/** sharp is loaded for the first picture that does not fit, which keeps the start of an agent short. */
async function rawImage({ pixels, height, width, channels }: Picture): Promise<Sharp> {
  const { sharp } = await import('./sharp.js');
  return sharp(pixels, { raw: { height, width, channels } });
}

async function rawPixels(image: Sharp, channels: 1 | 3): Promise<Uint8Array> {
  return image
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer();
}
