import type { X509Certificate } from 'node:crypto';
import { messageOf, OfframpError } from '@offramp/runtime';
import { pemBlocks } from './pem.js';

/** Certificates that their authority has taken back, by issuer and serial number. */
export class RevocationList {
  /** @param revoked as {@link keyOf} writes them */
  constructor(
    private readonly revoked: ReadonlySet<string>,
    /** When the oldest of its parts should have been replaced, in milliseconds since 1970; `Infinity` if none says so. */
    readonly nextUpdateMs: number,
  ) {}

  has(certificate: X509Certificate): boolean {
    return this.revoked.has(keyOf(certificate.issuer, certificate.serialNumber));
  }
}

export const nothingRevoked = new RevocationList(new Set(), Number.POSITIVE_INFINITY);

/**
 * Reads certificate revocation lists (RFC 5280) in PEM form. A list stays in force when its time for an update has passed: an
 * authority that cannot be reached must not stop a fleet, nor give revoked certificates back.
 * @param file its name, for errors
 * @param authorities each list must be signed by one of them
 * @throws OfframpError `CREDENTIALS_INVALID`
 */
export async function readRevocationList(
  text: string,
  file: string,
  authorities: readonly X509Certificate[],
): Promise<RevocationList> {
  // RFC 7468 (section 6) has a second label, which some programs write.
  const blocks = ['X509 CRL', 'CRL'].flatMap((label) => pemBlocks(text, label));
  if (blocks.length === 0) throw invalid(file, 'found none');
  await import('reflect-metadata');
  const { X509Crl, X509Certificate: Authority } = await import('@peculiar/x509');
  const revoked = new Set<string>();
  let nextUpdateMs = Number.POSITIVE_INFINITY;
  for (const block of blocks) {
    try {
      const list = new X509Crl(block);
      const issuer = await find(authorities, async ({ raw }) => {
        return list.verify({ publicKey: new Authority(raw) });
      });
      if (!issuer) throw invalid(file, `found one of ${list.issuer}, which none of them has signed`);
      // RFC 5280 demands it, and without it X509Crl does not find the entries.
      if (!list.nextUpdate) throw invalid(file, 'found one without the time of its next update');
      for (const { serialNumber } of list.entries) revoked.add(keyOf(issuer.subject, serialNumber));
      nextUpdateMs = Math.min(nextUpdateMs, list.nextUpdate.getTime());
    } catch (cause) {
      if (cause instanceof OfframpError) throw cause;
      throw invalid(file, `found a malformed one: ${messageOf(cause)}`, cause);
    }
  }
  return new RevocationList(revoked, nextUpdateMs);
}

/** Serial numbers are compared as numbers: leading zeros and case vary with who writes them. */
const keyOf = (issuer: string, serialNumber: string) =>
  `${issuer} ${serialNumber.toUpperCase().replace(/^0+/, '')}`;

async function find<T>(items: readonly T[], test: (item: T) => Promise<boolean>): Promise<T | undefined> {
  for (const item of items) if (await test(item).catch(() => false)) return item;
  return undefined;
}

const invalid = (file: string, found: string, cause?: unknown) =>
  new OfframpError(
    'CREDENTIALS_INVALID',
    `${file}: expected certificate revocation lists (X509 CRL) in PEM form, signed by the authorities; ${found}`,
    { cause },
  );
