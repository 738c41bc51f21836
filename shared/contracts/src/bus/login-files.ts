import { OfframpError, parseNatsServers, type WatchedFile } from '@offramp/runtime';
import {
  type Authenticator,
  credsAuthenticator,
  nkeyAuthenticator,
  nkeys,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from 'nats';
import type { BusConfig } from './bus-options.js';

/** Credentials, a seed, a password or a token. A JWT for NATS has a few KiB. */
export const maxLoginBytes = 16 * 2 ** 10;

/** How a client of NATS says who it is. */
export interface Login {
  authenticate: Authenticator;
  /** When servers begin to refuse it, in milliseconds since 1970; `null`: it does not say. */
  expiresMs: number | null;
}

/** A file with a login. */
export interface LoginFile extends WatchedFile {
  /** @throws OfframpError `CREDENTIALS_INVALID` */
  read(content: Buffer): Login;
}

type Reader = (content: Buffer, path: string) => Login;

/**
 * The file with a program's login.
 * @returns `null` where there is none
 * @throws OfframpError `CONFIG_INVALID` for two ways to log in, or half of one
 */
export function loginFile(config: BusConfig): LoginFile | null {
  const { natsCreds, natsNkey, natsUser = '', natsPasswordFile, natsTokenFile } = config;
  if ((natsUser === '') !== (natsPasswordFile === undefined)) {
    throw new OfframpError(
      'CONFIG_INVALID',
      'expected --nats-user and --nats-password-file together; found one of them',
    );
  }
  const ways: [string, string | undefined, Reader][] = [
    ['--nats-creds', natsCreds, readCreds],
    ['--nats-nkey', natsNkey, readSeed],
    ['--nats-password-file', natsPasswordFile, (...file) => readPassword(natsUser, ...file)],
    ['--nats-token-file', natsTokenFile, readToken],
  ];
  const given = ways.filter(([, path]) => path !== undefined);
  const found = given.map(([option]) => option);
  if (parseNatsServers(config.nats).credentials) found.push('credentials in --nats');
  if (found.length > 1) {
    throw new OfframpError('CONFIG_INVALID', `expected one login for NATS; found ${found.join(' and ')}`);
  }
  const [, path, read] = given[0] ?? [];
  if (path === undefined || !read) return null;
  return { path, maxBytes: maxLoginBytes, secret: true, read: (content) => read(content, path) };
}

/** What a person should do about a login that is still in use. */
export function loginWarnings(login: Login | null, nowMs: number): string[] {
  if (login?.expiresMs == null || nowMs < login.expiresMs) return [];
  const since = new Date(login.expiresMs).toISOString();
  return [`the login for NATS has expired at ${since}; servers refuse it`];
}

const readCreds: Reader = (content, path) => {
  const authenticate = credsAuthenticator(content);
  try {
    const said = authenticate('nonce');
    return { authenticate, expiresMs: expiryOf(said && 'jwt' in said ? said.jwt : '') };
  } catch (cause) {
    throw invalid(path, 'a JWT and its seed, as in a .creds file', cause);
  }
};

/** @throws Error for a malformed JWT */
function expiryOf(jwt: string): number | null {
  const [, payload = ''] = jwt.split('.');
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  if (typeof claims !== 'object' || claims === null) throw new TypeError('a JWT without claims');
  return 'exp' in claims && typeof claims.exp === 'number' && claims.exp > 0 ? claims.exp * 1_000 : null;
}

const readSeed: Reader = (content, path) => {
  const expected = 'the seed of an nkey';
  const seed = Buffer.from(lineOf(expected, content, path));
  try {
    nkeys.fromSeed(seed);
  } catch (cause) {
    throw invalid(path, expected, cause);
  }
  return { authenticate: nkeyAuthenticator(seed), expiresMs: null };
};

const readPassword = (user: string, content: Buffer, path: string): Login => ({
  authenticate: usernamePasswordAuthenticator(user, lineOf('a password', content, path)),
  expiresMs: null,
});

const readToken: Reader = (content, path) => ({
  authenticate: tokenAuthenticator(lineOf('a token', content, path)),
  expiresMs: null,
});

/** The one line of a file. */
function lineOf(expected: string, content: Buffer, path: string): string {
  const line = content.toString('utf8').replace(/\r?\n$/, '');
  if (line === '' || /[\r\n]/.test(line)) throw invalid(path, `${expected} on one line`);
  return line;
}

/** What was found stays unsaid: it may be a secret. */
function invalid(path: string, expected: string, cause?: unknown): OfframpError {
  return new OfframpError('CREDENTIALS_INVALID', `${path}: expected ${expected}; found something else`, {
    cause,
  });
}
