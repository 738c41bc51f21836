import type { AuditDropReason, AuditRecord } from '@offramp/contracts';

/** What happens to a sample that was chosen to be audited. */
export type AuditNews =
  | { kind: 'chosen' }
  /** So many bytes of it go to a worker. */
  | { kind: 'sent'; bytes: number }
  /** It has come to the final exit. */
  | { kind: 'ended'; record: AuditRecord }
  | { kind: 'dropped'; reason: AuditDropReason };

/** The same, with the policy that the sample started under. */
export type AuditEvent = AuditNews & { policyVersion: number };
