import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type ListenAddress, messageOf, OfframpError } from '@offramp/shared';

export const tokenVariable = 'OFFRAMP_CONTROLLER_TOKEN';
const leastTokenLength = 16;

/**
 * The token that clients of the API have to show; `null`: none is asked for.
 * @param file the option `--token-file`; it wins over the environment
 * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`
 */
export async function readToken(
  file: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  if (file !== undefined) {
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
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
      { hint: 'Make one with `openssl rand -hex 24`.' },
    );
  }
  return token;
}

/**
 * Without a token, only programs on this machine may reach the API.
 * @throws OfframpError `CONFIG_INVALID`
 */
export function checkExposure(address: ListenAddress, token: string | null): void {
  if (token !== null || 'socketPath' in address || isLoopback(address.host)) return;
  throw new OfframpError(
    'CONFIG_INVALID',
    `listening on ${address.host} lets others set the policies of the fleet: expected a token`,
    {
      hint: `Give --token-file or ${tokenVariable}, or listen on 127.0.0.1 or a Unix socket.`,
    },
  );
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether an `Authorization` header carries the token. How long it takes tells nothing of the token. */
export function carriesToken(authorization: string | undefined, token: string): boolean {
  const shown = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(digestOf(shown), digestOf(token));
}

const digestOf = (text: string) => createHash('sha256').update(text).digest();

/**
 * Whether a `Host` header names this machine. Without a token, a page on the Internet whose name is made to lead here would
 * otherwise be answered, since the browser takes it for the same origin.
 */
export function namesLoopback(host: string | undefined): boolean {
  const name = /^(?:\[([^\]]+)\]|([^:]*))(?::\d+)?$/.exec(host ?? '');
  return name !== null && isLoopback(name[1] ?? name[2] ?? '');
}
