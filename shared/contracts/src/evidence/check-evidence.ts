import { expectAtMost, expectEqual, expectFew, sumOf } from '../counts/check-counts.js';
import type { EvidenceMessage, HistogramMessage } from '../wire/messages.js';

const totalOf = (histogram: HistogramMessage | null) => sumOf(histogram?.counts ?? []);

/**
 * Refuses evidence whose counts contradict each other. What holds of messages also holds of their sums.
 * @throws RangeError naming the field
 */
export function checkEvidence(message: EvidenceMessage, branches: number): void {
  const { samples, degraded, left, late, confidence, audits, audited } = message;
  expectFew('left', left, branches + 1);
  expectFew('late', late, branches + 1);
  expectFew('confidence', confidence, branches);
  expectFew('audits', audits, branches);
  expectEqual('samples', samples, sumOf(left) + degraded, 'those that left, and the degraded');
  expectAtMost('offloaded', message.offloaded, samples, 'samples');
  expectAtMost('refused_by_worker', message.refusedByWorker, degraded, 'degraded');
  late.forEach((count, exit) => {
    expectAtMost('late', count, left[exit] ?? 0, 'left there');
  });
  for (const histogram of confidence) expectAtMost('confidence', totalOf(histogram), samples, 'samples');
  const judged = audits.map(({ agreed, disagreed }) => totalOf(agreed) + totalOf(disagreed));
  expectEqual('audited', audited, sumOf(judged), 'agreed and disagreed');
  const records = message.auditRecords.length / (branches + 1) + message.auditRecordsDropped;
  expectAtMost('audit_records', records, audited + message.auditedFinal, 'ended audits');
}
