import { extname } from 'node:path';
import sharp from 'sharp';
import { messageOf, OfframpError } from '../errors.js';

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

const pictureExtensions = ['.png', '.jpg', '.jpeg', '.webp', '.gif', '.tif', '.tiff', '.avif', '.bmp'];

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

/** The picture in another size (bilinear, aspect ratio not kept) and number of channels. */
export async function convertPicture(
  picture: Picture,
  to: { height: number; width: number; channels: 1 | 3 },
): Promise<Picture> {
  if (picture.height === to.height && picture.width === to.width && picture.channels === to.channels) {
    return picture;
  }
  const { data } = await sharp(picture.pixels, {
    raw: { height: picture.height, width: picture.width, channels: picture.channels },
  })
    .resize(to.width, to.height, { fit: 'fill', kernel: 'linear' })
    .toColourspace(to.channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { pixels: data, ...to };
}
