import type { TlsCredentials } from './tls-credentials.js';

/** Share of a certificate's lifetime within which it should have been replaced. */
const lateShare = 0.1;

/** What a person should do about credentials that are still in use: one sentence each. */
export function credentialWarnings({ own, trust }: TlsCredentials, nowMs: number): string[] {
  const warnings: string[] = [];
  if (own) {
    const { validFrom, validTo } = own.certificate;
    const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
    if (nowMs >= toMs) warnings.push(`the certificate has expired on ${validTo}; others refuse it`);
    else if (nowMs < fromMs)
      warnings.push(`the certificate is not valid before ${validFrom}; the clock may be wrong`);
    else if (toMs - nowMs < lateShare * (toMs - fromMs))
      warnings.push(`the certificate expires on ${validTo} and has not been replaced`);
  }
  if (trust && trust.revoked.nextUpdateMs <= nowMs) {
    const since = new Date(trust.revoked.nextUpdateMs).toISOString();
    warnings.push(`the revocation list should have been replaced by ${since}; it stays in force`);
  }
  return warnings;
}
