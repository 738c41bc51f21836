import { createHash } from 'node:crypto';

/** SHA-256 in lower-case hexadecimal, 64 characters. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The first 12 characters of a digest, for people. */
export function shortDigest(digest: string | Uint8Array): string {
  return (typeof digest === 'string' ? digest : Buffer.from(digest).toString('hex')).slice(0, 12);
}
