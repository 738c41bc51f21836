import type { Sharp } from 'sharp';
import sharp from 'sharp';

type Samples = Uint8Array | Int8Array | Uint16Array | Uint32Array | Float32Array;

/** Tags of TIFF, and its types of fields. */
const tags = {
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  sampleFormat: 339,
} as const;
const long = 4;
const sampleFormats = { unsigned: 1, signed: 2, float: 3 } as const;

/** An uncompressed grey TIFF, one pixel high. */
export function tiffFile({
  samples,
  zeroIsWhite = false,
}: {
  samples: Samples;
  zeroIsWhite?: boolean;
}): Buffer {
  return tiffOf([{ samples, zeroIsWhite }]);
}

/** A TIFF with one grey pixel per page. */
export function multiPageTiff(levels: readonly number[]): Buffer {
  return tiffOf(levels.map((level) => ({ samples: Uint8Array.of(level), zeroIsWhite: false })));
}

function tiffOf(pages: readonly { samples: Samples; zeroIsWhite: boolean }[]): Buffer {
  const parts: Buffer[] = [Buffer.from('II*\0\x08\0\0\0', 'latin1')];
  let offset = 8;
  pages.forEach(({ samples, zeroIsWhite }, page) => {
    const fields = Object.entries({
      width: samples.length,
      height: 1,
      bitsPerSample: 8 * samples.BYTES_PER_ELEMENT,
      compression: 1,
      photometric: zeroIsWhite ? 0 : 1,
      stripOffsets: 0,
      samplesPerPixel: 1,
      rowsPerStrip: 1,
      stripBytes: samples.byteLength,
      sampleFormat: formatOf(samples),
    }) as [keyof typeof tags, number][];
    const directoryBytes = 2 + 12 * fields.length + 4;
    const dataAt = offset + directoryBytes;
    const next = dataAt + samples.byteLength;
    const directory = Buffer.alloc(directoryBytes);
    directory.writeUInt16LE(fields.length, 0);
    fields.forEach(([name, value], i) => {
      const at = 2 + 12 * i;
      directory.writeUInt16LE(tags[name], at);
      directory.writeUInt16LE(long, at + 2);
      directory.writeUInt32LE(1, at + 4);
      directory.writeUInt32LE(name === 'stripOffsets' ? dataAt : value, at + 8);
    });
    directory.writeUInt32LE(page + 1 < pages.length ? next : 0, directoryBytes - 4);
    parts.push(directory, Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength));
    offset = next;
  });
  return Buffer.concat(parts);
}

function formatOf(samples: Samples): number {
  if (samples instanceof Int8Array) return sampleFormats.signed;
  return samples instanceof Float32Array ? sampleFormats.float : sampleFormats.unsigned;
}

/**
 * A picture as CMYK in a JPEG, each pixel as a square.
 * @param profile whether the file has a profile; `damaged`: it says that it is one of RGB
 */
export async function cmykJpeg(
  picture: Sharp,
  { profile, damaged = false }: { profile: boolean; damaged?: boolean },
): Promise<Buffer> {
  const { info } = await picture.clone().raw().toBuffer({ resolveWithObject: true });
  const pixels = await picture
    .clone()
    .resize(16 * info.width, 16 * info.height, { kernel: 'nearest' })
    .png()
    .toBuffer();
  const cmyk = sharp(pixels).toColourspace('cmyk');
  const bytes = await (profile ? cmyk.withIccProfile('cmyk') : cmyk)
    .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
    .toBuffer();
  if (damaged) bytes.write('RGB ', bytes.indexOf('ICC_PROFILE\0') + 14 + 16, 'latin1');
  return bytes;
}
