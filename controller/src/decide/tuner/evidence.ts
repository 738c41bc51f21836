import type { AuditDrops, AuditRecord, ExitEvidence, PolicyEvidence } from '@offramp/contracts';

/**
 * Evidence of a window's samples that started under one policy, on devices with one bundle.
 *
 * Only records show what another policy would have done, because they hold all exits; a sample that exited under this one
 * gives no information about deeper exits. Records are chosen with the same probability at every exit, so they judge every
 * candidate equally. Their weight is {@link recordRate}.
 */
export interface WindowEvidence
  extends Readonly<
    Pick<
      PolicyEvidence,
      'left' | 'degraded' | 'offloaded' | 'audited' | 'auditedFinal' | 'recordsDropped' | 'auditsDropped'
    >
  > {
  /** One per branch. */
  thresholds: readonly number[];
  /** Probability that a sample is chosen for an audit, in [0, 1]. */
  auditRate: number;
  /** One per branch. */
  exits: readonly Pick<ExitEvidence, 'histogram'>[];
  records: readonly AuditRecord[];
}

/** Samples whose exit reached its threshold. */
export function answeredSamples({ left }: { readonly left: readonly number[] }): number {
  return left.reduce((sum, count) => sum + count, 0);
}

/**
 * Probability that a sample is among the records, in [0, 1]. Lost audits lower it for all samples, although samples that
 * reached the final exit by themselves are not dropped. If these would exit early and disagree under another policy, they
 * count for more than they should, which is the safe direction.
 */
export function recordRate(evidence: WindowEvidence): number {
  const ended = evidence.audited + droppedAudits(evidence.auditsDropped);
  const keptAudits = ended === 0 ? 1 : evidence.audited / ended;
  const kept = evidence.records.length + evidence.recordsDropped;
  const keptRecords = kept === 0 ? 1 : evidence.records.length / kept;
  return evidence.auditRate * keptAudits * keptRecords;
}

function droppedAudits({ busy, budget, failed }: AuditDrops): number {
  return busy + budget + failed;
}
