import { CloudLink, Lifecycle } from '@offramp/contracts';
import { type Fleet, gapText, type ListedDevice, type PolicyFollower, policyGaps } from '@offramp/controller';
import { shortDigest } from '@offramp/runtime';
import stringWidth from 'string-width';
import { type ColumnReduction, fitColumns } from '../fit-columns.js';
import { type Painter, painter } from '../painter.js';
import { type Column, formatTable } from '../table.js';
import { formatPolicy } from './render-fleet.js';
import { clip, formatAuditRate, formatDuration, printable } from './text.js';

const columns: Column[] = [
  { head: 'DEVICE' },
  { head: 'GROUP' },
  { head: 'STATUS' },
  { head: 'BUNDLE' },
  { head: 'STAGES', align: 'right' },
  { head: 'POLICY', align: 'right' },
  { head: 'AUDIT', align: 'right' },
  { head: 'CLOUD' },
  { head: 'LAST SEEN', align: 'right' },
];
const place = (head: string) => columns.findIndex((column) => column.head === head);
const digestWidth = 12;
/** Device names identify the rows, so they are shortened last, except very long ones. */
const reductions: ColumnReduction[] = [
  { column: place('BUNDLE'), to: digestWidth + 5 },
  { column: place('GROUP'), to: 8 },
  { column: place('DEVICE'), to: 24 },
  { column: place('AUDIT'), to: 0 },
  { column: place('STAGES'), to: 0 },
  { column: place('BUNDLE'), to: digestWidth },
  { column: place('BUNDLE'), to: 0 },
  { column: place('CLOUD'), to: 0 },
  { column: place('GROUP'), to: 0 },
  { column: place('LAST SEEN'), to: 0 },
  { column: place('POLICY'), to: 0 },
  { column: place('DEVICE'), to: 6 },
];

/** After a restart of an agent, one or two reports of its earlier boot may still arrive. */
const minStaleReports = 3;
const cuttable = new Set(reductions.filter(({ to }) => to > 0).map(({ column }) => column));

/**
 * The devices of a fleet as a table.
 * @returns lines without line breaks. Lines of the table are at most `width` wide, if `width` is 16 or more
 */
export function renderDevices(fleet: Fleet, options: { width?: number; styled?: boolean } = {}): string[] {
  const { width = 100, styled = false } = options;
  const { devices } = fleet;
  const paint = painter(styled);
  const cells = devices.map((device) => {
    const { state } = device;
    return [
      device.device,
      device.group,
      formatStatus(device, paint),
      `${shortDigest(state.bundleDigest)} ${printable(state.bundleName)}`,
      `${state.deviceStages}/${state.branches + 1}`,
      formatPolicy(device, paint),
      formatAuditRate(state.auditRate),
      formatCloud(device, paint),
      formatDuration(device.lastSeenMsAgo),
    ];
  });
  const wanted = columns.map(({ head }, i) =>
    cells.reduce((widest, row) => Math.max(widest, stringWidth(row[i] ?? '')), head.length),
  );
  const widths = fitColumns(wanted, reductions, width);
  const shown = <T>(row: readonly T[]) => row.filter((_, i) => widths[i] !== 0);
  const rows = cells.map((row) =>
    shown(row.map((cell, i) => (cuttable.has(i) ? clip(cell, widths[i] as number) : cell))),
  );
  const notFollowing = gapLines(devices).map((line) => paint('red', line));
  const doubles = devices
    .filter(({ staleReports }) => staleReports >= minStaleReports)
    .map(({ device, group, staleReports }) =>
      paint(
        'yellow',
        `! ${group}/${device} is the name of two agents: ${staleReports} reports are of an earlier boot than the current one; give each agent its own name with --device`,
      ),
    );
  const problems = [...notFollowing, ...doubles];
  return [
    ...formatTable(shown(columns), rows, styled).split('\n'),
    ...(problems.length > 0 ? ['', ...problems] : []),
  ];
}

/** A line for each reason for which devices of a group do not follow its policy. */
function gapLines(devices: readonly ListedDevice[]): string[] {
  const groups = new Map<string, ListedDevice[]>();
  for (const device of devices) {
    const same = groups.get(device.group);
    if (same) same.push(device);
    else groups.set(device.group, [device]);
  }
  return [...groups].flatMap(([group, members]) =>
    policyGaps(members.map(followerOf)).map((gap) => `! group ${group}: ${printable(gapText(gap))}`),
  );
}

const followerOf = (device: ListedDevice): PolicyFollower => ({
  ...device,
  expected: { version: device.expectedPolicyVersion, bundleDigest: device.expectedBundleDigest },
});

function formatStatus({ online, state }: ListedDevice, paint: Painter): string {
  if (state.lifecycle === Lifecycle.LIFECYCLE_STOPPED) return paint('dim', 'stopped');
  if (!online) return paint('red', 'offline');
  return state.lifecycle === Lifecycle.LIFECYCLE_DRAINING
    ? paint('yellow', 'draining')
    : paint('green', 'online');
}

/** The last reported link of an offline device is outdated. */
function formatCloud({ online, state }: ListedDevice, paint: Painter): string {
  if (!online) return '–';
  switch (state.cloudLink) {
    case CloudLink.CLOUD_LINK_CONNECTED:
      return 'connected';
    case CloudLink.CLOUD_LINK_DOWN:
      return paint('red', 'down');
    case CloudLink.CLOUD_LINK_UNUSED:
      return 'unused';
    default:
      return '?';
  }
}
