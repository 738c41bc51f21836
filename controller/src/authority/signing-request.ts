import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createKey, createRequest } from '@offramp/contracts/issuing';
import {
  isOfframpError,
  makeFolder,
  messageOf,
  OfframpError,
  replaceFile,
  systemCodeOf,
} from '@offramp/runtime';

/**
 * Makes the key of a device, `tls.key`, and a signing request for it, `tls.csr`.
 * @param folder absent, or an empty folder
 * @returns the path of the request
 * @throws OfframpError `ALREADY_EXISTS`, `OUTPUT_FAILED`
 */
export async function createSigningRequest(folder: string): Promise<string> {
  const request = join(folder, 'tls.csr');
  try {
    await makeFolder(join(folder, '..'));
    await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (systemCodeOf(error) !== 'EEXIST') throw error;
    });
    if ((await readdir(folder)).length > 0) {
      throw new OfframpError('ALREADY_EXISTS', `${folder}: expected no folder, or an empty one; found files`);
    }
    const key = await createKey();
    await replaceFile(join(folder, 'tls.key'), [key], 0o600);
    await replaceFile(request, [await createRequest(key)], 0o644);
    return request;
  } catch (cause) {
    if (isOfframpError(cause) || systemCodeOf(cause) === undefined) throw cause;
    throw new OfframpError('OUTPUT_FAILED', `cannot write ${request}: ${messageOf(cause)}`, { cause });
  }
}
