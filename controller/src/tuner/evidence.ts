import type { AuditDrops, AuditRecord, ExitEvidence, PolicyEvidence } from '@offramp/shared';

/**
 * What one policy did to the samples of a window that started under it, on devices with one bundle.
 *
 * Only records tell what another policy would have done, since they hold all exits: a sample that left under this one
 * says nothing of deeper exits by itself. Of the records, chosen with the same chance wherever a sample leaves,
 * every candidate can be judged alike; what they are weighed by is {@link recordRate}.
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
  /** Chance of a sample to be chosen for an audit, in [0, 1]. */
  auditRate: number;
  /** One per branch. */
  exits: readonly Pick<ExitEvidence, 'histogram'>[];
  records: readonly AuditRecord[];
}

/** Samples that left because an exit was sure enough. */
export function answeredSamples({ left }: { readonly left: readonly number[] }): number {
  return left.reduce((sum, count) => sum + count, 0);
}

/**
 * Chance of a sample to be among the records, in [0, 1]. What is lost on the way lowers it for everybody, although
 * samples that came to the final exit by themselves are not dropped as audits: where those would leave early and
 * disagree under another policy, they count for more than they should, which errs on the safe side.
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
