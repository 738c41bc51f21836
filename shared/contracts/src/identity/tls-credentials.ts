import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { messageOf, OfframpError } from '@offramp/runtime';
import { identityOf } from './certificate-identity.js';
import { pemBlocks } from './pem.js';
import { nothingRevoked, type RevocationList, readRevocationList } from './revocation-list.js';
import { type Identity, identityExpectation, type Role } from './spiffe-id.js';

/** Files in PEM form, with their names for errors. */
export interface TlsFile {
  path: string;
  content: Buffer;
}

/** The certificate with which a program proves who it is. */
export interface OwnCertificate {
  /** The certificate and those that lead to its authority, in PEM form; its key. */
  chain: Buffer;
  key: Buffer;
  certificate: X509Certificate;
  /** When it expires, in milliseconds since 1970. */
  expiresMs: number;
  /** `null`: it names no party of a fleet. */
  identity: Identity | null;
}

/** Whom a program trusts to say who others are. */
export interface Trust {
  /** In PEM form. */
  pem: Buffer;
  authorities: readonly X509Certificate[];
  revoked: RevocationList;
}

/** What a program knows of itself and of others for TLS. */
export interface TlsCredentials {
  own: OwnCertificate | null;
  trust: Trust | null;
}

/**
 * Checks a certificate and its key.
 * @throws OfframpError `CREDENTIALS_INVALID`
 */
export function readOwnCertificate(cert: TlsFile, key: TlsFile, nowMs: number): OwnCertificate {
  const [certificate] = readCertificates(cert);
  if (!certificate.checkPrivateKey(readKey(key))) {
    throw new OfframpError(
      'CREDENTIALS_INVALID',
      `${key.path}: expected the private key of the certificate in ${cert.path}; found another key`,
    );
  }
  const expiresMs = Date.parse(certificate.validTo);
  if (expiresMs <= nowMs) {
    throw new OfframpError(
      'CREDENTIALS_INVALID',
      `${cert.path}: expected a certificate that is valid; found one that expired on ${certificate.validTo}`,
    );
  }
  const identity = identityOf(certificate);
  return { chain: cert.content, key: key.content, certificate, expiresMs, identity };
}

/**
 * Checks the certificates of authorities, and a revocation list.
 * @throws OfframpError `CREDENTIALS_INVALID`
 */
export async function readTrust(ca: TlsFile, crl: TlsFile | null): Promise<Trust> {
  const authorities = readCertificates(ca);
  const other = authorities.find((certificate) => !certificate.ca);
  if (other) {
    throw new OfframpError(
      'CREDENTIALS_INVALID',
      `${ca.path}: expected certificates of authorities; found one that may not issue others, of ${subjectOf(other)}`,
    );
  }
  const revoked = crl
    ? await readRevocationList(crl.content.toString('latin1'), crl.path, authorities)
    : nothingRevoked;
  return { pem: ca.content, authorities, revoked };
}

/**
 * The identity of a program's own certificate, which must have one.
 * @param file its name, for errors
 * @throws OfframpError `CREDENTIALS_INVALID`
 */
export function ownIdentity({ identity, certificate }: OwnCertificate, role: Role, file: string): Identity {
  if (identity?.role === role) return identity;
  throw new OfframpError(
    'CREDENTIALS_INVALID',
    `${file}: expected a certificate with one URI, of the role ${role}: ${identityExpectation}; found ${certificate.subjectAltName ?? 'no names'}`,
  );
}

function readCertificates({ path, content }: TlsFile): [X509Certificate, ...X509Certificate[]] {
  try {
    const [first, ...others] = pemBlocks(content.toString('latin1'), 'CERTIFICATE').map(
      (block) => new X509Certificate(block),
    );
    if (first) return [first, ...others];
  } catch (cause) {
    throw new OfframpError(
      'CREDENTIALS_INVALID',
      `${path}: expected a certificate in PEM form; found a malformed one: ${messageOf(cause)}`,
      { cause },
    );
  }
  throw new OfframpError('CREDENTIALS_INVALID', `${path}: expected a certificate in PEM form; found none`);
}

function readKey({ path, content }: TlsFile): KeyObject {
  try {
    return createPrivateKey(content);
  } catch (cause) {
    throw new OfframpError(
      'CREDENTIALS_INVALID',
      `${path}: expected a private key in PEM form, without a passphrase; found something else: ${messageOf(cause)}`,
      { cause },
    );
  }
}

const subjectOf = ({ subject }: X509Certificate) => subject?.replaceAll('\n', ', ') || 'nobody';
