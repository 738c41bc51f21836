import type { Fleet, ListedDevice } from '@offramp/controller';
import { CloudLink, Lifecycle, shortDigest } from '@offramp/shared';
import stringWidth from 'string-width';
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
const widthOfTheRest = 8 + 6 + 8 + 6 + 9 + 10 + 8 * 2;
const digestWidth = 13;

/**
 * The register of a fleet: who is there, with what.
 * @returns lines without line breaks, the table's none wider than `width` (from 90 on)
 */
export function renderDevices(fleet: Fleet, options: { width?: number; styled?: boolean } = {}): string[] {
  const { width = 100, styled = false } = options;
  const { devices } = fleet;
  const paint = painter(styled);
  const [deviceWidth, groupWidth, bundleWidth] = share(width - widthOfTheRest - digestWidth, [
    Math.max(6, ...devices.map(({ device }) => device.length)),
    Math.max(5, ...devices.map(({ group }) => group.length)),
    Math.max(6, ...devices.map(({ state }) => stringWidth(printable(state.bundleName)))),
  ]);
  const rows = devices.map((device) => {
    const { state } = device;
    return [
      clip(device.device, deviceWidth as number),
      clip(device.group, groupWidth as number),
      formatStatus(device, paint),
      `${shortDigest(state.bundleDigest)} ${clip(printable(state.bundleName), bundleWidth as number)}`,
      `${state.deviceStages}/${state.branches + 1}`,
      formatPolicy(device, paint),
      formatAuditRate(state.auditRate),
      formatCloud(device, paint),
      formatDuration(device.lastSeenMsAgo),
    ];
  });
  const problems = devices
    .filter(({ state }) => state.policyError)
    .map(({ device, newestPolicyVersion, state }) =>
      paint(
        'red',
        `! ${device} does not follow policy ${newestPolicyVersion}: ${printable(state.policyError)}`,
      ),
    );
  return [
    ...formatTable(columns, rows, styled).split('\n'),
    ...(problems.length > 0 ? ['', ...problems] : []),
  ];
}

function formatStatus({ online, state }: ListedDevice, paint: Painter): string {
  if (state.lifecycle === Lifecycle.LIFECYCLE_STOPPED) return paint('dim', 'stopped');
  if (!online) return paint('red', 'offline');
  return state.lifecycle === Lifecycle.LIFECYCLE_DRAINING
    ? paint('yellow', 'draining')
    : paint('green', 'online');
}

/** What an offline device said of its link is no news any more. */
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

/** Shares room out: what each wants if there is enough, else the widest give way first. */
function share(room: number, wanted: readonly number[]): number[] {
  const widths = [...wanted];
  const total = () => widths.reduce((sum, width) => sum + width, 0);
  for (let over = total() - room; over > 0; over--) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] as number) <= 4) break;
    widths[widest] = (widths[widest] as number) - 1;
  }
  return widths;
}
