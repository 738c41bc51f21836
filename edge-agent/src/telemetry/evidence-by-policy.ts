import {
  confidenceBins,
  EvidenceCounts,
  type EvidenceInit,
  maxReportedPolicies,
  maxReportedRecords,
} from '@offramp/contracts';
import type { AnsweredResult } from '../answer.js';
import type { AuditEvent } from '../audit/audit-event.js';

/** Limit of counts in all histograms of a window, so that a report fits into a JetStream message. One policy always fits. */
const maxCounts = 65_536;

/** A window's evidence, by which thresholds are judged, separate per policy under which samples started. */
export class EvidenceByPolicy {
  /** Samples and audits of policies that did not fit. The newest policies are kept. */
  dropped = 0;
  private readonly policies = new Map<number, EvidenceCounts>();
  private readonly maxPolicies: number;

  constructor(private readonly branches: number) {
    const countsOfPolicy = 3 * confidenceBins * branches;
    this.maxPolicies = Math.max(
      1,
      Math.min(maxReportedPolicies, Math.floor(maxCounts / Math.max(1, countsOfPolicy))),
    );
  }

  countAnswer({ answer, passed, late, sent }: AnsweredResult): void {
    const counts = this.of(answer.policyVersion);
    if (counts) counts.countSample({ passed, late, refusedByWorker: sent?.refused ?? false, ...answer });
    else this.dropped++;
  }

  countAudit(event: AuditEvent): void {
    const counts = this.of(event.policyVersion);
    if (!counts) {
      if (event.kind === 'chosen') this.dropped++;
      return;
    }
    if (event.kind === 'chosen') counts.auditsChosen++;
    else if (event.kind === 'sent') counts.auditBytes += event.bytes;
    else if (event.kind === 'ended') counts.countAudit(event.record);
    else counts.auditsDropped[event.reason]++;
  }

  merge(other: EvidenceByPolicy): void {
    this.dropped += other.dropped;
    for (const [version, theirs] of other.policies) {
      const mine = this.of(version);
      if (mine) mine.merge(theirs);
      else this.dropped += weightOf(theirs);
    }
  }

  /** In the order of the policies' versions. */
  toMessages(): EvidenceInit[] {
    const versions = [...this.policies.keys()].sort((a, b) => a - b);
    const apart = versions.length > 1;
    return versions.map((version) =>
      (this.policies.get(version) as EvidenceCounts).toMessage(version, apart),
    );
  }

  /** @returns `null` if the policy does not fit, because it is older than all others */
  private of(version: number): EvidenceCounts | null {
    const found = this.policies.get(version);
    if (found) return found;
    if (this.policies.size >= this.maxPolicies) {
      const oldest = Math.min(...this.policies.keys());
      if (version < oldest) return null;
      this.dropped += weightOf(this.policies.get(oldest) as EvidenceCounts);
      this.policies.delete(oldest);
    }
    const counts = new EvidenceCounts(this.branches, { maxRecords: maxReportedRecords });
    this.policies.set(version, counts);
    return counts;
  }
}

const weightOf = ({ samples, auditsChosen }: EvidenceCounts) => samples + auditsChosen;
