import {
  type Clock,
  insecureOption,
  LiveFiles,
  type Logger,
  OfframpError,
  type WatchedFile,
} from '@offramp/runtime';
import { z } from 'zod';
import { credentialWarnings } from './credential-warnings.js';
import { readOwnCertificate, readTrust, type TlsCredentials } from './tls-credentials.js';

/** A certificate or a key; the certificates of authorities, of which a machine has a few hundred; a revocation list. */
export const maxCertificateBytes = 64 * 2 ** 10;
export const maxAuthoritiesBytes = 2 ** 20;
const maxRevocationListBytes = 2 ** 20;

/** Descriptions of a program's options for TLS. */
export interface TlsOptionTexts {
  /** What the certificates of authorities are for, and what applies without. */
  ca: { description: string; fallback: string };
  cert: { description: string; fallback: string };
}

const file = z.string().min(1).optional();

/** The options for TLS of a program: files in PEM form, which are read again while the program runs, and whether to do without. */
export function tlsOptions({ ca, cert }: TlsOptionTexts) {
  return {
    tlsCert: file.meta(cert),
    tlsKey: file.meta({
      description: 'File with the private key of that certificate, closed to other users',
      fallback: 'none',
    }),
    tlsCa: file.meta(ca),
    tlsCrl: file.meta({
      description: 'File with revocation lists, signed by those authorities',
      fallback: 'none',
    }),
    insecure: insecureOption,
  };
}

export interface TlsPaths {
  tlsCert?: string | undefined;
  tlsKey?: string | undefined;
  tlsCa?: string | undefined;
  tlsCrl?: string | undefined;
}

/**
 * Reads the files of a program's options for TLS, and follows them.
 * @param check refuses credentials that the program cannot use
 * @returns `null` where there are none
 * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`, `CREDENTIALS_INVALID`, `SECRET_EXPOSED`
 */
export async function openTlsCredentials<C>(
  { tlsCert, tlsKey, tlsCa, tlsCrl }: TlsPaths,
  check: (credentials: TlsCredentials) => C,
  clock: Clock,
  logger: Logger,
): Promise<LiveFiles<C> | null> {
  requireBoth('--tls-cert', tlsCert, '--tls-key', tlsKey);
  requireBoth('--tls-key', tlsKey, '--tls-cert', tlsCert);
  requireBoth('--tls-crl', tlsCrl, '--tls-ca', tlsCa);
  const paths = [tlsCert, tlsKey, tlsCa, tlsCrl];
  if (paths.every((path) => path === undefined)) return null;
  const bytes = [maxCertificateBytes, maxCertificateBytes, maxAuthoritiesBytes, maxRevocationListBytes];
  const files: WatchedFile[] = paths.flatMap((path, i) =>
    path === undefined ? [] : [{ path, maxBytes: bytes[i] ?? 0, secret: path === tlsKey }],
  );
  let inUse: TlsCredentials = { own: null, trust: null };
  const make = async (contents: readonly Buffer[]) => {
    const [cert, key, ca, crl] = paths.map((path) => {
      const content = contents[files.findIndex((watched) => watched.path === path)];
      return path === undefined || !content ? null : { path, content };
    });
    const credentials = {
      own: cert && key ? readOwnCertificate(cert, key, Date.now()) : null,
      trust: ca ? await readTrust(ca, crl ?? null) : null,
    };
    const checked = check(credentials);
    inUse = credentials;
    return checked;
  };
  const warnings = () => credentialWarnings(inUse, Date.now());
  return LiveFiles.open(files, { make, warnings }, clock, logger);
}

/** @throws OfframpError `CONFIG_INVALID` where an option is given without the other that it needs */
export function requireBoth(
  given: string,
  value: string | undefined,
  needed: string,
  other: string | undefined,
): void {
  if (value === undefined || other !== undefined) return;
  throw new OfframpError(
    'CONFIG_INVALID',
    `${needed}: expected a file, because ${given} is given; found none`,
  );
}
