import type { PolicyView } from '@offramp/controller';
import { formatTable } from '../table.js';
import { formatBytes } from '../units.js';
import { clip, formatAuditRate, formatShare, printable } from './text.js';

const allPlaces = 2 ** 32;

/** A policy in full, for a person. */
export function describePolicy(policy: PolicyView): string {
  const { group, version, thresholds, author, reason, setAt, auditRate, maxAuditBytesPerHour } = policy;
  const { canary, exceptions, latencyTargetMs } = policy;
  const by = author ? ` by ${printable(author)}` : '';
  return [
    `group ${group}: policy ${version}`,
    `thresholds  ${thresholds.join(' ')}`,
    ...(canary
      ? [`canary      about ${shareOf(canary)} of devices; the others follow ${stableOf(canary)}`]
      : []),
    auditRate > 0
      ? `audits      ${formatAuditRate(auditRate)} of samples, at most ${formatBytes(maxAuditBytesPerHour)} an hour and device`
      : 'audits      none',
    ...(latencyTargetMs === null ? [] : [`late        above ${latencyTargetMs} ms`]),
    ...exceptions.map(
      (exception, i) =>
        `${i === 0 ? 'apart' : ''}`.padEnd(12) +
        `${printable(exception.device)}  ${exception.thresholds.join(' ')}, audits ${formatAuditRate(exception.auditRate)}`,
    ),
    `set         ${formatTime(setAt)}${by}`,
    ...(reason ? [`reason      ${printable(reason)}`] : []),
  ].join('\n');
}

export function formatHistory(history: readonly PolicyView[], styled = false): string {
  return formatTable(
    [
      { head: 'POLICY', align: 'right' },
      { head: 'SET' },
      { head: 'AUTHOR' },
      { head: 'FOR' },
      { head: 'THRESHOLDS' },
      { head: 'AUDITS', align: 'right' },
      { head: 'REASON' },
    ],
    history.map((policy) => [
      policy.version,
      formatTime(policy.setAt),
      clip(printable(policy.author), 16) || '–',
      formatReach(policy),
      clip(policy.thresholds.join(' '), 40),
      formatAuditRate(policy.auditRate),
      printable(policy.reason),
    ]),
    styled,
  );
}

/** `all`, `25.0 %` in a canary; `all, 2 apart` where devices have thresholds of their own. */
function formatReach({ canary, exceptions }: PolicyView): string {
  const apart = exceptions.length > 0 ? `, ${exceptions.length} apart` : '';
  return (canary ? shareOf(canary) : 'all') + apart;
}

type Canary = NonNullable<PolicyView['canary']>;

const shareOf = ({ below }: Canary) => formatShare(below, allPlaces);

const stableOf = ({ stable: { version, thresholds } }: Canary) =>
  version === 0 ? 'the thresholds of their bundles' : `policy ${version}, ${thresholds.join(' ')}`;

/** `2026-03-01 14:05:09`, in the time zone of this machine. */
function formatTime(time: Date): string {
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}
