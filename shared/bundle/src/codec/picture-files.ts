import { Encoding, type TensorMessage } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import type { PictureForm } from '../manifest/manifest.js';
import { elementsOf, expectShape } from '../shape.js';
import { pictureOf, type TensorLayout } from './tensor-layout.js';

export type PictureFileFormat = 'webp' | 'jpeg';

interface PictureFileEncoding {
  encoding: Encoding;
  name: string;
  format: PictureFileFormat;
  /** Whether the picture has the height and width of the model's input. Otherwise it is still to be resized and cropped. */
  fitted: boolean;
}

/**
 * Encodings of a picture as a file. They are no `codecs`, because decoding a file takes long and runs native code on
 * bytes from outside: `@offramp/data` does it, in processes of its own.
 */
export const pictureFileEncodings: readonly PictureFileEncoding[] = [
  { encoding: Encoding.ENCODING_WEBP, name: 'webp', format: 'webp', fitted: true },
  { encoding: Encoding.ENCODING_JPEG, name: 'jpeg', format: 'jpeg', fitted: true },
  { encoding: Encoding.ENCODING_JPEG_SOURCE, name: 'jpeg-source', format: 'jpeg', fitted: false },
];

/** The encoding in which a packed picture travels. */
export function pictureEncoding(form: PictureForm): Encoding {
  if (form === 'uint8+deflate') return Encoding.ENCODING_UINT8_DEFLATE;
  return form === 'jpeg' ? Encoding.ENCODING_JPEG : Encoding.ENCODING_WEBP;
}

/** A received picture file, not yet decoded. */
export interface PictureFile {
  bytes: Uint8Array;
  format: PictureFileFormat;
  fitted: boolean;
}

/** Upper bound for a file of one picture: its 8-bit samples, which can be sent instead. */
export function maxPictureFileBytes({ shape }: Pick<TensorLayout, 'shape'>): number {
  return elementsOf(shape);
}

/**
 * Checks shape, place and length of a received tensor that is a picture file.
 * @param what names the tensor in errors
 * @returns `null` for a tensor in any other encoding
 * @throws OfframpError `TENSOR_INVALID`
 */
export function pictureFileOf(
  what: string,
  layout: TensorLayout,
  tensor: TensorMessage | null,
): PictureFile | null {
  const known = pictureFileEncodings.find(({ encoding }) => encoding === tensor?.encoding);
  if (!tensor || !known) return null;
  expectShape(what, layout.shape, tensor.shape);
  const { name, format, fitted } = known;
  const { data: bytes } = tensor;
  const channels = pictureOf(layout)?.shape[0];
  if (channels !== 1 && channels !== 3) {
    throw new OfframpError(
      'TENSOR_INVALID',
      `${what}: expected an encoding of ${layout.input ? 'this input' : 'activations'}, found ${name}, which is for grey and RGB pictures`,
    );
  }
  const most = maxPictureFileBytes(layout);
  if (bytes.byteLength === 0 || bytes.byteLength > most) {
    throw new OfframpError(
      'TENSOR_INVALID',
      `${what}: expected 1 to ${most} bytes of ${name}, found ${bytes.byteLength}`,
    );
  }
  return { bytes, format, fitted };
}
