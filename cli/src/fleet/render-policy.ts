import { canaryPlace } from '@offramp/contracts';
import { type ChangedPolicy, gapText, type PolicyView, thresholdText } from '@offramp/controller';
import { shortDigest } from '@offramp/runtime';
import { formatTable } from '../table.js';
import { formatBytes } from '../units.js';
import { policyCourses } from './policy-course.js';
import { formatAuditRate, formatTime, printable } from './text.js';

/**
 * A policy as text, with all fields.
 * @param devices names of its group's devices
 */
export function describePolicy(policy: PolicyView, devices: readonly string[]): string {
  const { group, version, thresholds, author, reason, setAt, auditRate, maxAuditBytesPerHour } = policy;
  const { canary, exceptions, latencyTargetMs } = policy;
  const by = author ? ` by ${printable(author)}` : '';
  return [
    `group ${group}: policy ${version}`,
    `thresholds  ${thresholds.join(' ')}`,
    `for         ${bundleText(policy)}`,
    ...(canary
      ? [
          `canary      ${canariesOf(policy, devices)} of ${devices.length} devices; the others follow ${stableOf(canary)}`,
        ]
      : []),
    auditRate > 0
      ? `audits      ${formatAuditRate(auditRate)} of samples, at most ${formatBytes(maxAuditBytesPerHour)} an hour and device`
      : 'audits      none',
    ...(latencyTargetMs === null ? [] : [`late        above ${latencyTargetMs} ms`]),
    ...exceptions.map(
      (exception, i) =>
        `${i === 0 ? 'outliers' : ''}`.padEnd(12) +
        `${printable(exception.device)}  ${exception.thresholds.join(' ')}, audits ${formatAuditRate(exception.auditRate)}`,
    ),
    `set         ${formatTime(setAt)}${by}`,
    ...(reason ? [`reason      ${printable(reason)}`] : []),
  ].join('\n');
}

/** A row per version. Nothing is shortened, so that it can be searched. */
export function formatHistory(history: readonly PolicyView[], styled = false): string {
  return formatTable(
    [
      { head: 'POLICY', align: 'right' },
      { head: 'SET' },
      { head: 'AUTHOR' },
      { head: 'FOR' },
      { head: 'THRESHOLDS' },
      { head: 'BUNDLE' },
      { head: 'AUDITS', align: 'right' },
      { head: 'REASON' },
    ],
    policyCourses(history).map(({ first, last, reach }) => [
      first.version,
      formatTime(first.setAt),
      printable(last.author) || '–',
      reach,
      last.thresholds.map(thresholdText).join(' '),
      last.bundleDigest === null ? 'any' : shortDigest(last.bundleDigest),
      formatAuditRate(last.auditRate),
      printable(last.reason),
    ]),
    styled,
  );
}

/** The bundle that a policy is for: `bundle abcdef012345`, `any bundle`. */
export function bundleText({ bundleDigest }: PolicyView): string {
  return bundleDigest === null ? 'any bundle' : `bundle ${shortDigest(bundleDigest)}`;
}

/** Which devices do not follow a policy that was set, and whether devices with different bundles follow it. */
export function bundleWarnings({ policy, bundles, gaps }: ChangedPolicy): string[] {
  const { version, bundleDigest } = policy;
  return [
    ...gaps.map((gap) => printable(gapText(gap))),
    ...(bundleDigest === null && bundles > 1
      ? [`policy ${version} is for any bundle, and devices of the group run ${bundles} different ones`]
      : []),
  ];
}

type Canary = NonNullable<PolicyView['canary']>;

/** Number of devices that follow the canary. */
function canariesOf({ group, version, canary, exceptions }: PolicyView, devices: readonly string[]): number {
  const outliers = new Set(exceptions.map(({ device }) => device));
  return devices.filter(
    (device) => !outliers.has(device) && canaryPlace(group, version, device) < (canary?.below ?? 0),
  ).length;
}

const stableOf = ({ stable: { version, thresholds } }: Canary) =>
  version === 0 ? 'the thresholds of their bundles' : `policy ${version}, ${thresholds.join(' ')}`;
