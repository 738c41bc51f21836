import { Encoding } from '@offramp/contracts';
import { codecs } from './codecs.js';
import { pictureFileEncodings } from './picture-files.js';

/** Key of the initial metadata in which a worker lists the encodings that it accepts. */
export const encodingsHeader = 'offramp-encodings';

/** The encodings of a worker that sends no list. */
export const oldestEncodings: ReadonlySet<number> = new Set([Encoding.ENCODING_FLOAT32]);

/** A longer value is not a list of encodings. */
const maxHeaderLength = 1_000;

/** All encodings of this version, as the header lists them. */
export function formatEncodings(): string {
  return [...codecs, ...pictureFileEncodings].map(({ encoding }) => encoding).join(',');
}

/** Reads the header and ignores entries that are not numbers. float32 is always included. */
export function parseEncodings(value: string | undefined): ReadonlySet<number> {
  if (value === undefined || value.length > maxHeaderLength) return oldestEncodings;
  const numbers = value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => /^\d+$/.test(part))
    .map(Number);
  return new Set([...oldestEncodings, ...numbers]);
}
