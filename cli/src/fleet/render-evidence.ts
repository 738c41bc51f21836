import type { PolicyEvidence } from '@offramp/contracts';
import type { WindowEvidence } from '@offramp/controller';
import { shortDigest } from '@offramp/runtime';
import { type Column, formatTable } from '../table.js';
import { formatBytes, formatInteger } from '../units.js';
import { formatDuration, formatMs, formatShare } from './text.js';

const columns: Column[] = [
  { head: 'POLICY', align: 'right' },
  { head: 'EXIT' },
  { head: 'LEFT', align: 'right' },
  { head: 'SHARE', align: 'right' },
  { head: 'AUDITED', align: 'right' },
  { head: 'AGREED', align: 'right' },
];

/** The evidence of a policy: a row per exit, and one for all exits. */
export function renderEvidence(
  { bundles, windowMs }: WindowEvidence,
  options: { styled?: boolean } = {},
): string[] {
  if (bundles.length === 0) return ['no evidence: no device has reported samples recently'];
  const lines = [`evidence of the last ${formatDuration(windowMs)}`];
  for (const { bundleDigest, policies } of bundles) {
    const table = formatTable(columns, policies.flatMap(rowsOf), options.styled ?? false);
    lines.push('', `bundle ${shortDigest(bundleDigest)}`, ...table.split('\n'), ...policies.map(remarkOf));
  }
  return lines;
}

function rowsOf({ policyVersion, samples, left, exits }: PolicyEvidence): (string | number)[][] {
  return left.map((count, exit) => {
    const audits = exits[exit]?.audits;
    const agreed = sum(audits?.agreed ?? []);
    const audited = agreed + sum(audits?.disagreed ?? []);
    return [
      exit === 0 ? policyVersion || '–' : '',
      audits ? String(exit) : 'final',
      formatInteger(count),
      formatShare(count, samples),
      audits ? formatInteger(audited) : '',
      audits ? formatShare(agreed, audited) : '',
    ];
  });
}

function remarkOf(evidence: PolicyEvidence): string {
  const { policyVersion, samples, offloaded, degraded, auditsDropped, auditBytes, latency } = evidence;
  const { left, late, refusedByWorker } = evidence;
  const { busy, budget, failed } = auditsDropped;
  const dropped = busy + budget + failed;
  return [
    `policy ${policyVersion || '–'}: ${formatInteger(samples)} samples`,
    `${formatShare(offloaded, samples)} offloaded`,
    `${formatShare(degraded, samples)} degraded`,
    ...(refusedByWorker > 0 ? [`${formatShare(refusedByWorker, samples)} refused by workers`] : []),
    ...(latency.count > 0 ? [`p95 ${formatMs(latency.quantile(0.95))} ms`] : []),
    ...(late ? [`${formatShare(sum(late), sum(left))} late`] : []),
    `${formatBytes(auditBytes)} for audits`,
    ...(dropped > 0 ? [`audits dropped: ${busy} busy, ${budget} budget, ${failed} failed`] : []),
  ].join(', ');
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
