import { type PictureCodecManifest, type PictureInput, uint8Deflated } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime/errors';
import { normalise } from '../normalise.js';
import { pictureChannels } from '../pictures/fit-picture.js';
import type { Sharp } from '../pictures/sharp.js';

/** How a picture is packed. */
export type Packing = Pick<PictureCodecManifest, 'form'> & { quality?: number };

/** From this quality on JPEG keeps colours at full resolution, because halving it would lose more than the rounding does. */
const fullColourQuality = 90;
/** Half of WebP's default time, for 3 % more bytes without loss and 1 % more with. */
const effort = 2;

/** Whether unpacking gives the same picture. */
export function isLosslessPacking({ form }: Packing): boolean {
  return form === 'uint8+deflate' || form === 'webp-lossless';
}

/**
 * Packs a picture for the wire, on threads of libuv.
 * @param pixels of a fitted picture: height × width × channels of the input, red first
 * @throws OfframpError `CONFIG_INVALID` for an input that is neither grey nor RGB
 */
export async function packPicture(
  pixels: Uint8Array,
  input: PictureInput,
  packing: Packing,
): Promise<Uint8Array> {
  const { form, quality = 100 } = packing;
  if (form === 'uint8+deflate') {
    const encoded = uint8Deflated.encode(normalise(pixels, input), { shape: input.shape, input });
    if (!encoded) throw new OfframpError('INTERNAL', 'expected 8-bit samples of the input, found others');
    return encoded.data;
  }
  const image = await imageOf(pixels, input);
  if (form === 'jpeg') {
    const chromaSubsampling = quality >= fullColourQuality ? '4:4:4' : '4:2:0';
    return image.jpeg({ quality, chromaSubsampling }).toBuffer();
  }
  if (form === 'webp') return image.webp({ quality, effort }).toBuffer();
  if (form === 'webp-lossless') return image.webp({ lossless: true, effort }).toBuffer();
  return image.webp({ nearLossless: true, quality, effort }).toBuffer();
}

async function imageOf(pixels: Uint8Array, input: PictureInput): Promise<Sharp> {
  const channels = pictureChannels(input);
  const [, height, width] = input.shape;
  const { sharp } = await import('../pictures/sharp.js');
  return sharp(pixels, { raw: { height, width, channels } }).toColourspace(channels === 1 ? 'b-w' : 'srgb');
}
