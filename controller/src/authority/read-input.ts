import { X509Certificate } from 'node:crypto';
import { messageOf, OfframpError, readTextFile } from '@offramp/runtime';

/** Any certificate, key or request. */
export const maxFileBytes = 64 * 2 ** 10;

/** @throws OfframpError `FILE_NOT_FOUND` */
export async function readInput(path: string): Promise<string> {
  try {
    return await readTextFile(path, maxFileBytes);
  } catch (cause) {
    throw new OfframpError('FILE_NOT_FOUND', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** @throws OfframpError `FILE_NOT_FOUND`, `CREDENTIALS_INVALID` */
export async function readCertificate(path: string): Promise<X509Certificate> {
  const text = await readInput(path);
  try {
    return new X509Certificate(text);
  } catch (cause) {
    const found = `found something else: ${messageOf(cause)}`;
    throw new OfframpError('CREDENTIALS_INVALID', `${path}: expected a certificate in PEM form; ${found}`, {
      cause,
    });
  }
}
