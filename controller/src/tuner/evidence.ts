/** What one policy did to the samples of a window that started under it, on devices with one bundle. */
export interface WindowEvidence {
  /** One per branch. */
  thresholds: readonly number[];
  /** Chance of a sample to be chosen for an audit, in [0, 1]. */
  auditRate: number;
  /** Samples that left by each exit because it was sure enough; the final exit last. */
  left: readonly number[];
  /** Per branch: samples that reached it, one count a bin of confidence. */
  exits: readonly { histogram: readonly number[] }[];
  offloaded: number;
  /** Chosen samples that left by a branch and ran on to the final exit, and those that were not run on. */
  audited: number;
  auditsDropped: number;
  /**
   * What every exit said of chosen samples. Only records with all exits tell what another policy would have done: a
   * sample that left under this one says nothing of deeper exits by itself.
   */
  records: readonly AuditRecord[];
  /** Records that are not kept; which ones does not depend on what they say. */
  recordsDropped: number;
}

export interface AuditRecord {
  /** One per branch, in order, also those after the one by which it left. */
  exits: readonly { bin: number; agreed: boolean }[];
  /** The exit by which it left; the number of branches for the final one. */
  leftAt: number;
}

/** Samples that left because an exit was sure enough. */
export function answeredSamples({ left }: Pick<WindowEvidence, 'left'>): number {
  return left.reduce((sum, count) => sum + count, 0);
}

/**
 * Chance of a sample to be among the records, in [0, 1]. What is lost on the way lowers it for everybody, although
 * samples that came to the final exit by themselves are not dropped as audits: where those would leave early and
 * disagree under another policy, they count for more than they should, which errs on the safe side.
 */
export function recordRate(evidence: WindowEvidence): number {
  const ended = evidence.audited + evidence.auditsDropped;
  const keptAudits = ended === 0 ? 1 : evidence.audited / ended;
  const kept = evidence.records.length + evidence.recordsDropped;
  const keptRecords = kept === 0 ? 1 : evidence.records.length / kept;
  return evidence.auditRate * keptAudits * keptRecords;
}
