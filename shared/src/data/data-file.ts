import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { messageOf, OfframpError } from '../errors.js';

/** The largest file, and the largest array in a file, that is read into memory: 2 GiB. */
export const maxDataBytes = 2 ** 31 - 1;

/** Deflate cannot shrink further than this (zlib's technical notes): what promises more is broken. */
const maxDeflateRatio = 1032;

/** @throws OfframpError `DATA_NOT_FOUND` */
export async function readDataFile(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new OfframpError('DATA_NOT_FOUND', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
}

export function invalidData(where: string, problem: string, cause?: unknown): OfframpError {
  return new OfframpError('DATA_INVALID', `${where}: ${problem}`, cause === undefined ? {} : { cause });
}

/**
 * Inflates to a size that was promised, and takes no more memory than that.
 * @param stream gives the inflated bytes
 * @throws OfframpError `DATA_INVALID` for a promise that no deflated data can keep, or that these do not
 */
export async function inflateExactly(
  stream: Readable,
  promised: { bytes: number; fromBytes: number },
  where: string,
): Promise<Buffer> {
  const { bytes, fromBytes } = promised;
  if (bytes > maxDataBytes || bytes > maxDeflateRatio * (fromBytes + 1)) {
    stream.destroy();
    throw invalidData(
      where,
      `expected at most ${maxDataBytes} bytes, and no more than ${fromBytes} compressed ones can hold; it promises ${bytes}`,
    );
  }
  const inflated = Buffer.allocUnsafe(bytes);
  let filled = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (filled + chunk.length > bytes) throw new Error(`found more than the ${bytes} bytes promised`);
      filled += chunk.copy(inflated, filled);
    }
    if (filled < bytes) throw new Error(`expected ${bytes} bytes, found ${filled}`);
  } catch (cause) {
    throw invalidData(where, `cannot be inflated: ${messageOf(cause)}`, cause);
  }
  return inflated;
}
