import type { AuditDropReason, AuditRecord } from '@offramp/contracts';

/** Events of a sample that was chosen for an audit. */
export type AuditNews =
  | { kind: 'chosen' }
  /** Bytes of its tensor are sent to a worker. */
  | { kind: 'sent'; bytes: number }
  /** It has reached the final exit. */
  | { kind: 'ended'; record: AuditRecord }
  | { kind: 'dropped'; reason: AuditDropReason };

/** The same, with the policy that the sample started under. */
export type AuditEvent = AuditNews & { policyVersion: number };
