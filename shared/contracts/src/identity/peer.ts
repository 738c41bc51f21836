import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate } from 'node:tls';
import { identityOf } from './certificate-identity.js';
import type { Identity } from './spiffe-id.js';
import type { Trust } from './tls-credentials.js';

/** Why a certificate is no longer good for a connection. */
export type CertificateProblem = 'expired' | 'revoked' | 'untrusted';

/** More than any authority uses; the length is the peer's choice. */
const maxChainLength = 8;

/** The other side of a TLS connection, whose chain of certificates OpenSSL has verified. */
export class Peer {
  /** `null`: no party of a fleet. */
  readonly identity: Identity | null;
  /** When the first certificate of its chain expires, in milliseconds since 1970. */
  readonly expiresMs: number;
  private readonly chain: readonly X509Certificate[];

  /** @param trustedIn the authorities, in PEM form, with which the chain was verified */
  constructor(
    certificate: DetailedPeerCertificate,
    private trustedIn: Buffer,
  ) {
    this.chain = chainOf(certificate);
    this.identity = this.chain[0] ? identityOf(this.chain[0]) : null;
    this.expiresMs = Math.min(...this.chain.map(({ validTo }) => Date.parse(validTo)));
  }

  /** What has become of the certificate since its chain was verified. */
  problem(trust: Trust, nowMs: number): CertificateProblem | null {
    if (this.expiresMs <= nowMs) return 'expired';
    if (this.chain.some((certificate) => trust.revoked.has(certificate))) return 'revoked';
    if (this.trustedIn.equals(trust.pem)) return null;
    if (!this.chain.some((certificate) => isIssuedBy(certificate, trust.authorities))) return 'untrusted';
    this.trustedIn = trust.pem;
    return null;
  }
}

/** From the peer's own certificate towards that of its authority. */
function chainOf(certificate: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: DetailedPeerCertificate | undefined = certificate;
  while (next?.raw && chain.length < maxChainLength) {
    chain.push(new X509Certificate(next.raw));
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

const isIssuedBy = (certificate: X509Certificate, authorities: readonly X509Certificate[]) =>
  authorities.some(
    (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  );
