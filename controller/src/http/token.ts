import { createHash, timingSafeEqual } from 'node:crypto';
import { isExposed, type ListenAddress, messageOf, OfframpError, readTextFile } from '@offramp/runtime';

export const tokenVariable = 'OFFRAMP_CONTROLLER_TOKEN';
const leastTokenLength = 16;
const maxTokenFileBytes = 4 * 2 ** 10;

/**
 * The token that clients of the API must send; `null`: none is required.
 * @param file the option `--token-file`, which has priority over the environment
 * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`
 */
export async function readToken(
  file: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  if (file !== undefined) {
    const text = await readTextFile(file, maxTokenFileBytes).catch((cause: unknown) => {
      throw new OfframpError('FILE_NOT_FOUND', `cannot read the token in ${file}: ${messageOf(cause)}`, {
        cause,
      });
    });
    return checkToken(text.trim(), file);
  }
  const token = environment[tokenVariable];
  return token === undefined || token === '' ? null : checkToken(token, tokenVariable);
}

function checkToken(token: string, origin: string): string {
  if (token.length < leastTokenLength || !/^[\x21-\x7e]+$/.test(token)) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `the token in ${origin}: expected at least ${leastTokenLength} visible ASCII characters, found ${token.length} characters`,
      { hint: 'Create one with `openssl rand -hex 24`.' },
    );
  }
  return token;
}

/**
 * Without a token, only programs on this machine may reach the API.
 * @throws OfframpError `CONFIG_INVALID`
 */
export function checkExposure(address: ListenAddress, token: string | null): void {
  if (token !== null || !isExposed(address)) return;
  throw new OfframpError(
    'CONFIG_INVALID',
    `listening on ${address.host} lets other machines set the policies of the fleet: expected a token`,
    {
      hint: `Give --token-file or ${tokenVariable}, or listen on 127.0.0.1 or a Unix socket.`,
    },
  );
}

/** Whether an `Authorization` header has the token, compared in constant time. */
export function carriesToken(authorization: string | undefined, token: string): boolean {
  const shown = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(digestOf(shown), digestOf(token));
}

const digestOf = (text: string) => createHash('sha256').update(text).digest();
