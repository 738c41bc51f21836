import { extname } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { messageOf, OfframpError } from '../errors.js';
import { fitCrop, type Size } from './fit-crop.js';

/** A decoded picture: 8-bit samples, row by row, channels interleaved (height × width × channels). */
export interface Picture {
  pixels: Uint8Array;
  height: number;
  width: number;
  /** 1 (grey) or 3 (red, green, blue). */
  channels: 1 | 3;
}

/** Larger pictures are refused before they are decoded: 64 megapixels. */
export const maxPicturePixels = 64 * 2 ** 20;

const pictureExtensions = ['.png', '.jpg', '.jpeg', '.webp', '.gif', '.tif', '.tiff', '.avif'];

/** Whether a file is a picture by its name. */
export function isPicture(path: string): boolean {
  return pictureExtensions.includes(extname(path).toLowerCase());
}

/**
 * Decodes PNG, JPEG, WebP, GIF, TIFF or AVIF; transparency is laid on black.
 * @throws OfframpError `IMAGE_INVALID`
 */
export async function decodePicture(bytes: Uint8Array, channels: 1 | 3, name: string): Promise<Picture> {
  try {
    const image = sharp(bytes, { limitInputPixels: maxPicturePixels }).rotate().flatten();
    const { data, info } = await image
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== channels) throw new Error(`expected ${channels} channels, found ${info.channels}`);
    return { pixels: data, height: info.height, width: info.width, channels };
  } catch (cause) {
    throw new OfframpError('IMAGE_INVALID', `${name}: cannot be decoded as a picture: ${messageOf(cause)}`, {
      cause,
    });
  }
}

export interface PictureFormat extends Size {
  channels: 1 | 3;
}

/** The picture in another size (bilinear, aspect ratio not kept) and number of channels. */
export async function convertPicture(picture: Picture, to: PictureFormat): Promise<Picture> {
  if (picture.height === to.height && picture.width === to.width && picture.channels === to.channels) {
    return picture;
  }
  const resized = rawImage(picture).resize(to.width, to.height, { fit: 'fill', kernel: 'linear' });
  return { pixels: await rawPixels(resized, to.channels), ...to };
}

/**
 * The picture with its shorter side resized to `resize` (bilinear, aspect ratio kept), then the middle of it.
 * @throws OfframpError `IMAGE_INVALID` for one so long that it would be too large once resized
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
  const cropped = rawImage(picture)
    .resize(resized.width, resized.height, { fit: 'fill', kernel: 'linear' })
    .extract({ left, top, width: to.width, height: to.height });
  return { pixels: await rawPixels(cropped, to.channels), ...to };
}

function rawImage({ pixels, height, width, channels }: Picture): Sharp {
  return sharp(pixels, { raw: { height, width, channels } });
}

async function rawPixels(image: Sharp, channels: 1 | 3): Promise<Uint8Array> {
  return image
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer();
}
