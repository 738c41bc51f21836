import { Encoding } from '../wire/messages.js';
import { codecs } from './codec.js';

/** Key of the initial metadata in which a worker names the encodings that it takes. */
export const encodingsHeader = 'offramp-encodings';

/** What a worker takes that says nothing. */
export const oldestEncodings: ReadonlySet<number> = new Set([Encoding.ENCODING_FLOAT32]);

/** A longer value is no list of encodings. */
const maxHeaderLength = 1_000;

/** All encodings of this version, as the header names them. */
export function formatEncodings(): string {
  return codecs.map(({ encoding }) => encoding).join(',');
}

/** Reads the header; what is no number in it is passed over. float32 is always among them. */
export function parseEncodings(value: string | undefined): ReadonlySet<number> {
  if (value === undefined || value.length > maxHeaderLength) return oldestEncodings;
  const numbers = value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => /^\d+$/.test(part))
    .map(Number);
  return new Set([...oldestEncodings, ...numbers]);
}
