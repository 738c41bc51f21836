import { OfframpError } from '@offramp/runtime';

/** Bytes that audits of one device may send in an hour where the policy says nothing of it. */
export const defaultMaxAuditBytesPerHour = 16 * 2 ** 20;

/** @throws OfframpError `POLICY_INVALID` */
export function checkAuditRate(auditRate: number): void {
  if (!(auditRate >= 0 && auditRate <= 1)) {
    throw new OfframpError('POLICY_INVALID', `expected an audit rate from 0 to 1; found ${auditRate}`);
  }
}
