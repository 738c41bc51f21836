import { extname } from 'node:path';

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
