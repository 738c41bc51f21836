import type { Readable } from 'node:stream';
import { isOfframpError, messageOf, OfframpError, readFile, systemCodeOf } from '@offramp/runtime';

/** The largest file, and the largest array in a file, that is read into memory: 2 GiB. */
export const maxDataBytes = 2 ** 31 - 1;

/** Deflate's best ratio (zlib's technical notes): data that claim more are broken. */
const maxDeflateRatio = 1032;

/** @throws OfframpError `DATA_NOT_FOUND`; `DATA_INVALID` for a file that is too large, and for what is no file */
export async function readDataFile(path: string): Promise<Buffer> {
  return readFile(path, { atMost: maxDataBytes }).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
}

/**
 * The bytes of a file that a data set need not have; `null` without it.
 * @throws OfframpError `DATA_INVALID`
 */
export async function readOptionalFile(path: string): Promise<Buffer | null> {
  return readDataFile(path).catch((error: unknown) => {
    if (isOfframpError(error) && error.code === 'DATA_NOT_FOUND') return null;
    throw error;
  });
}

/** A data file that cannot be opened or read. */
export function unreadable(path: string, cause: unknown): OfframpError {
  const code = systemCodeOf(cause) === undefined ? 'DATA_INVALID' : 'DATA_NOT_FOUND';
  return new OfframpError(code, `cannot read ${path}: ${messageOf(cause)}`, { cause });
}

export function invalidData(where: string, problem: string, cause?: unknown): OfframpError {
  return new OfframpError('DATA_INVALID', `${where}: ${problem}`, cause === undefined ? {} : { cause });
}

/**
 * Inflates to the declared size, and allocates no more memory than that.
 * @param stream gives the inflated bytes
 * @throws OfframpError `DATA_INVALID` for a declared size that no deflated data can have, or that these do not have
 */
export async function inflateExactly(
  stream: Readable,
  declared: { bytes: number; fromBytes: number },
  where: string,
): Promise<Buffer> {
  const { bytes, fromBytes } = declared;
  if (bytes > maxDataBytes || bytes > maxDeflateRatio * (fromBytes + 1)) {
    stream.destroy();
    throw invalidData(
      where,
      `expected at most ${maxDataBytes} bytes, and no more than ${fromBytes} compressed ones can hold; found a declared size of ${bytes}`,
    );
  }
  const inflated = Buffer.allocUnsafe(bytes);
  let filled = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (filled + chunk.length > bytes) throw new Error(`expected ${bytes} bytes, found more`);
      filled += chunk.copy(inflated, filled);
    }
    if (filled < bytes) throw new Error(`expected ${bytes} bytes, found ${filled}`);
  } catch (cause) {
    throw invalidData(where, `cannot be inflated: ${messageOf(cause)}`, cause);
  }
  return inflated;
}
