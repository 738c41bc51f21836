import { OfframpError } from '@offramp/runtime/errors';
import type { PictureFileFormat } from './sharp.js';

/** How a file of each format begins, in hexadecimal. */
const signatures: Readonly<Record<PictureFileFormat, RegExp>> = {
  png: /^89504e470d0a1a0a/,
  jpeg: /^ffd8ff/,
  // RIFF, a length, WEBP
  webp: /^52494646.{8}57454250/,
  // GIF87a or GIF89a
  gif: /^474946383[79]61/,
  // In either byte order, up to 4 GiB or beyond
  tiff: /^(?:49492[ab]00|4d4d002[ab])/,
  // A box of type ftyp, with avif or avis among its brands
  avif: /^.{8}66747970(?:.{8}){0,16}?617669(?:66|73)/,
};

/** What people send instead, as text or in hexadecimal. */
const others: readonly (readonly [what: string, text: RegExp | null, hex?: RegExp])[] = [
  ['nothing', /^$/],
  ['SVG', /^\s*(?:<\?xml[\s\S]*)?<svg/i],
  ['XML or HTML', /^\s*<(?:[?!]|html)/i],
  ['PDF', /^%PDF/],
  ['BMP', null, /^424d.{8}00000000/],
  ['HEIC', /^[\s\S]{4}ftyp(?:heic|heix|hevc|mif1|msf1)/],
  ['JPEG XL', null, /^(?:ff0a|0000000c4a584c20)/],
  ['JPEG 2000', null, /^(?:ff4fff51|0000000c6a502020)/],
  ['Netpbm', /^P[1-7]\s/],
  ['OpenEXR', null, /^762f3101/],
  ['a gzip file', null, /^1f8b/],
  ['a ZIP archive', null, /^504b0304/],
];

const headBytes = 256;

/**
 * The format of a picture file by its content, whatever its name or media type says.
 * @throws OfframpError `IMAGE_INVALID`
 */
export function pictureFileFormat(bytes: Uint8Array, name: string): PictureFileFormat {
  const head = Buffer.from(bytes.subarray(0, headBytes));
  const hex = head.toString('hex');
  for (const [format, known] of Object.entries(signatures)) {
    if (known.test(hex)) return format as PictureFileFormat;
  }
  const text = head.toString('latin1');
  const found = others.find(([, asText, asHex]) => asText?.test(text) || asHex?.test(hex));
  throw new OfframpError(
    'IMAGE_INVALID',
    `${name}: expected PNG, JPEG, WebP, GIF, TIFF or AVIF by its content, found ${found?.[0] ?? 'something else'}`,
  );
}
