import {
  addWindow,
  type Fleet,
  type ListedDevice,
  type WindowCounts,
  windowCounts,
} from '@offramp/controller';
import { type Painter, painter } from '../painter.js';
import { type Column, formatTable } from '../table.js';
import { wrapLine } from '../wrap-lines.js';
import { clip, formatAuditRate, formatMs, formatRate, formatShare } from './text.js';

export interface RenderFleetOptions {
  /** Maximum width of a line, in columns. Default 100. */
  width?: number;
  /** With colour, for a terminal. Default false. */
  styled?: boolean;
  /** Limit of devices to show. The number of others is shown. Default: all. */
  maxDevices?: number;
  /** Whether to show only the table, without title and legend. Default false. */
  bare?: boolean;
}

/** The cells of a row besides its name. */
interface Row {
  /** Samples per second. */
  rate: number;
  latest: WindowCounts;
  total: WindowCounts;
  latencyP50Ms: number;
  latencyP99Ms: number;
  policy: string;
  audit: string;
}

interface FleetColumn extends Column {
  /** Maximum width of its cells; for the name and the exits, the minimum. */
  width: number;
  /** Minimum width of a view that shows it. Default: it is always shown. */
  from?: number;
}

const minDeviceWidth = 10;
/** Longer names are shortened if the exits need the room. */
const maxDeviceWidth = 24;
/** Width of the summed deep branches and the final exit, if not every exit is shown. */
const foldedWidth = '(100) 100'.length;
const columns: FleetColumn[] = [
  { head: 'DEVICE', width: minDeviceWidth },
  { head: 'RATE/S', align: 'right', width: 7 },
  { head: 'EXITS %', align: 'right', width: foldedWidth },
  { head: 'OFFLOAD', align: 'right', width: 7, from: 39 },
  { head: 'DEGRADED', align: 'right', width: 8, from: 57 },
  { head: 'ACCURACY', align: 'right', width: 8, from: 76 },
  { head: 'P50 MS', align: 'right', width: 6, from: 90 },
  { head: 'P99 MS', align: 'right', width: 7, from: 66 },
  { head: 'POLICY', align: 'right', width: 6, from: 47 },
  { head: 'AUDIT', align: 'right', width: 6, from: 110 },
  { head: 'AGREED', align: 'right', width: 7, from: 110 },
];
const gapWidth = 2;
/** Width of an exit's percentage, including the space before it. */
const exitWidth = 4;

/**
 * The live view of a fleet: a row per device, and one for all.
 * @returns lines without line breaks, none wider than `width` (from 30 on)
 */
export function renderFleet(fleet: Fleet, options: RenderFleetOptions = {}): string[] {
  const { width = 100, styled = false, maxDevices = Number.POSITIVE_INFINITY } = options;
  const paint = painter(styled);
  const { devices, summary } = fleet;
  if (devices.length === 0) return ['no devices have reported yet'];
  const shown = devices.slice(0, maxDevices);
  const oneGroup = devices.every(({ group }) => group === devices[0]?.group);
  const whole = sumOf(fleet);
  const stays = ({ from = 0 }: FleetColumn) => width >= from;
  const kept = <T>(row: readonly T[]) => row.filter((_, i) => stays(columns[i] as FleetColumn));
  const taken = columns.filter(stays).reduce((sum, column) => sum + column.width + gapWidth, -gapWidth);
  const room = width - taken + minDeviceWidth + foldedWidth;
  const widthOfAllExits = whole.total.exits.length * exitWidth - 1;
  const names = shown.map((device) => (oneGroup ? device.device : `${device.group}/${device.device}`));
  const longest = names.reduce((widest, name) => Math.max(widest, name.length + 2), minDeviceWidth);
  const leastExits = Math.max('EXITS %'.length, Math.min(widthOfAllExits, foldedWidth));
  const exitsWidth = Math.max(
    leastExits,
    Math.min(widthOfAllExits, room - Math.min(longest, maxDeviceWidth)),
  );
  const deviceWidth = Math.max(minDeviceWidth, room - exitsWidth);
  const rows = shown.map((device) => {
    const name = oneGroup ? clip(device.device, deviceWidth - 2) : fullName(device, deviceWidth - 2);
    return [mark(device, paint) + name, ...cells(rowOf(device, paint), exitsWidth, paint)];
  });
  const counted = `${devices.length} ${devices.length === 1 ? 'device' : 'devices'}`;
  const bold = (text: string) => paint('bold', text);
  rows.push([bold(clip(counted, deviceWidth)), ...cells(whole, exitsWidth, paint).map(bold)]);
  const group = oneGroup
    ? `group ${devices[0]?.group}`
    : `${new Set(devices.map((d) => d.group)).size} groups`;
  const left = devices.length - shown.length;
  const table = [
    ...formatTable(kept(columns), rows.map(kept), styled).split('\n'),
    ...(left > 0 ? [paint('dim', clip(`… and ${left} more, counted in the last row`, width))] : []),
  ];
  if (options.bare) return table;
  const folded = widthOfAllExits > exitsWidth;
  const legend = [
    ['latest window', ['RATE/S', 'EXITS %', 'OFFLOAD', 'DEGRADED']],
    ['since start', ['ACCURACY', 'P99 MS', 'AGREED']],
  ] as const;
  return [
    clip(`${group}: ${summary.online} of ${counted} online`, width),
    '',
    ...table,
    '',
    ...legend.flatMap(([since, heads]) => {
      const named = columns.filter((column) => stays(column) && heads.some((head) => head === column.head));
      const words = ({ head }: Column) => (folded && foldedLegendOf.get(head)) || legendOf.get(head);
      const line = `${since}: ${named.map(words).join(', ')}`;
      return named.length === 0
        ? []
        : wrapLine(line, width)
            .split('\n')
            .map((each) => paint('dim', each));
    }),
  ];
}

/** The legend of each column. */
const legendOf: ReadonlyMap<string, string> = new Map([
  ['RATE/S', 'rate'],
  ['EXITS %', 'exits (the final one last)'],
  ['OFFLOAD', 'offload'],
  ['DEGRADED', 'degraded'],
  ['ACCURACY', 'accuracy'],
  ['P99 MS', 'latency'],
  ['AGREED', 'agreed audits'],
]);

/** The legend if not every exit is shown. */
const foldedLegendOf: ReadonlyMap<string, string> = new Map([
  ['EXITS %', 'exits (the final one last; in brackets the rest of the branches)'],
]);

const mark = ({ online }: ListedDevice, paint: Painter) =>
  `${online ? paint('green', '●') : paint('red', '○')} `;

/** `group/device`. If both do not fit, the group is shortened first. */
function fullName({ group, device }: ListedDevice, width: number): string {
  const room = width - device.length - 1;
  return room < 2 ? clip(device, width) : `${clip(group, room)}/${device}`;
}

/** The latest window of an offline device is outdated. */
function rowOf(device: ListedDevice, paint: Painter): Row {
  const { online, latest, latestWindowMs, total, latencyP50Ms, latencyP99Ms } = device;
  return {
    rate: online && latestWindowMs > 0 ? (latest.samples * 1_000) / latestWindowMs : 0,
    latest: online ? latest : windowCounts(),
    total,
    latencyP50Ms,
    latencyP99Ms,
    policy: formatPolicy(device, paint),
    audit: formatAuditRate(device.state.auditRate),
  };
}

function sumOf({ devices, summary }: Fleet): Row {
  const sum = { rate: 0, latest: windowCounts(), total: windowCounts() };
  for (const device of devices) {
    const row = rowOf(device, (_, text) => text);
    sum.rate += row.rate;
    addWindow(sum.latest, row.latest);
    addWindow(sum.total, row.total);
  }
  const { latencyP50Ms, latencyP99Ms } = summary;
  return { ...sum, latencyP50Ms, latencyP99Ms, policy: '', audit: '' };
}

function cells(row: Row, exitsWidth: number, paint: Painter): string[] {
  const { latest, total } = row;
  const degraded = formatShare(latest.degraded, latest.samples);
  return [
    row.rate > 0 ? formatRate(row.rate) : '–',
    formatExits(latest, exitsWidth),
    formatShare(latest.offloaded, latest.samples),
    latest.degraded > 0 ? paint('yellow', degraded) : degraded,
    formatShare(total.correct, total.labelled),
    formatMs(row.latencyP50Ms),
    formatMs(row.latencyP99Ms),
    row.policy,
    row.audit,
    formatShare(total.auditsAgreed, total.audited),
  ];
}

/**
 * ` 71  12   5  12`: percentages, the final exit last. If they do not fit, the deep branches are summed in brackets. The
 * width is constant, so that columns of the live view do not move.
 */
function formatExits({ exits, samples }: WindowCounts, width: number): string {
  if (samples === 0) return '–'.padStart(width);
  const percent = (count: number) =>
    String(Math.round((100 * Math.min(count, samples)) / samples)).padStart(exitWidth - 1);
  if (exits.length * exitWidth - 1 <= width) return exits.map(percent).join(' ').padStart(width);
  const first = exits.slice(0, Math.max(0, Math.floor((width - foldedWidth) / exitWidth)));
  const middle = exits.slice(first.length, -1).reduce((sum, count) => sum + count, 0);
  const shown = [...first.map(percent), `(${percent(middle).trim()})`, percent(exits.at(-1) ?? 0)];
  return shown.join(' ').padStart(width);
}

/**
 * `4`; `3→4` while the expected policy has not arrived; `3!` if the device does not follow it; `–` for the bundle's own
 * thresholds. Devices outside a canary are expected to follow the stable policy.
 */
export function formatPolicy(device: ListedDevice, paint: Painter): string {
  const { state, expectedPolicyVersion, expectedBundleDigest } = device;
  const followed = state.policyVersion === 0 ? '–' : String(state.policyVersion);
  const otherBundle = expectedBundleDigest !== null && expectedBundleDigest !== state.bundleDigest;
  if (state.policyError || otherBundle) return paint('red', `${followed}!`);
  const arrived = expectedPolicyVersion === 0 || expectedPolicyVersion === state.policyVersion;
  return arrived ? followed : paint('yellow', `${followed}→${expectedPolicyVersion}`);
}
