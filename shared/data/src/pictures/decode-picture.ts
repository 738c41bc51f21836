import { isOfframpError, messageOf, OfframpError } from '@offramp/runtime/errors';
import { pictureFileFormat } from './file-format.js';
import { maxPicturePixels, type Picture } from './picture.js';
import { type Metadata, sharp } from './sharp.js';

/**
 * Decodes PNG, JPEG, WebP, GIF, TIFF or AVIF in this process; of several frames or pages the first. Colours are
 * converted to sRGB by the file's colour profile; transparency is blended with black; the picture is turned upright.
 *
 * It has no bound of time. `PictureDecoder` runs it in processes that have one.
 * @param maxPixels larger pictures are refused before they are decoded
 * @returns with `upright`: whether the picture had not to be turned
 * @throws OfframpError `IMAGE_INVALID`
 */
export async function decodePicture(
  bytes: Uint8Array,
  channels: 1 | 3,
  name: string,
  maxPixels = maxPicturePixels,
): Promise<Picture & { upright: boolean }> {
  pictureFileFormat(bytes, name);
  try {
    const image = sharp(bytes, { limitInputPixels: maxPixels });
    const metadata = await image.metadata();
    checkSamples(metadata);
    const { data, info } = await image
      .rotate()
      .flatten()
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== channels) throw new Error(`expected ${channels} channels, found ${info.channels}`);
    const upright = (metadata.orientation ?? 1) === 1;
    return { pixels: data, height: info.height, width: info.width, channels, upright };
  } catch (cause) {
    if (isOfframpError(cause)) throw cause;
    throw new OfframpError('IMAGE_INVALID', `${name}: cannot be decoded as a picture: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/**
 * Samples that stand for colours in one way only. Floating-point samples may mean [0, 1], [0, 255] or a physical
 * quantity, and inks mean nothing without the profile of the press.
 */
function checkSamples({ space, depth, icc }: Metadata): void {
  if (depth !== 'uchar' && depth !== 'ushort') {
    throw new Error(`expected 8 or 16 bits per sample, unsigned; found ${depth}`);
  }
  if (space === 'cmyk') {
    const profile = icc?.toString('latin1', 16, 20).trim();
    if (profile === 'CMYK' && depth === 'uchar') return;
    throw new Error(
      profile === 'CMYK'
        ? 'expected 8 bits per sample of CMYK, found 16'
        : 'expected CMYK with a colour profile, found none; convert the picture to RGB',
    );
  }
  if (!['srgb', 'rgb16', 'b-w', 'grey16'].includes(space)) {
    throw new Error(`expected grey, RGB or CMYK, found ${space}`);
  }
}
