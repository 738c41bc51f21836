import type { PictureInput } from '@offramp/bundle';
import { type Packing, packPicture } from './pack-picture.js';
import { unpackPicture } from './unpack-picture.js';

/**
 * What arrives of a picture that is packed as a file.
 * @param pixels of a fitted picture: height × width × channels of the input, red first
 */
export async function repackPicture(
  pixels: Uint8Array,
  input: PictureInput,
  packing: Packing,
): Promise<{ bytes: number; pixels: Uint8Array }> {
  const bytes = await packPicture(pixels, input, packing);
  if (packing.form === 'uint8+deflate') return { bytes: bytes.byteLength, pixels };
  const format = packing.form === 'jpeg' ? 'jpeg' : 'webp';
  const arrived = await unpackPicture({ bytes, format, fitted: true }, input, 'a packed picture');
  return { bytes: bytes.byteLength, pixels: arrived.pixels };
}
