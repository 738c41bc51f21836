import { LatencySketch, Lifecycle } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import type { DeviceState, Report } from '../checked-report.js';
import { addWindow, WindowCounts } from '../window-counts.js';
import { SequenceSet } from './sequence-set.js';

/** The register's record of a device. */
export interface DeviceRecord {
  readonly key: string;
  readonly device: string;
  readonly group: string;
  bootId: string;
  /** Earlier boots, the newest last, each with the last report of it that came. */
  formerBoots: { bootId: string; lastSequence: number }[];
  sequences: SequenceSet;
  state: DeviceState;
  total: WindowCounts;
  latest: WindowCounts;
  latestSequence: number;
  latestWindowMs: number;
  /** Reports of this boot up to this number were counted before another boot came between. */
  countedBefore: number;
  /** The longest recent window: a short extra report must not make the next regular one count as late. */
  paceMs: number;
  /** The last report's window. A single report with a longer one does not change the pace. */
  toldPaceMs: number;
  /** Reports that were counted, of all boots. */
  reports: number;
  latency: LatencySketch;
  seenAtMs: number;
  staleReports: number;
  /** When the latest stale report arrived. */
  staleAtMs: number;
}

/** How long a device may be silent. */
export interface OfflineOptions {
  /** A device is offline when it has been silent for this many windows of its reports … */
  offlineAfterWindows: number;
  /** … and for this many milliseconds. */
  offlineAfterMinMs: number;
}

const maxFormerBoots = 8;
/** Longer windows are from a device that was cut off, and do not predict its next report. */
const maxPaceMs = 600_000;

/** Report numbers that a boot may skip at once, apart from one for each `leastWindowMs` since its latest report. */
const maxSkipped = 1_000;
/** The shortest window of an agent. */
const leastWindowMs = 10;

/** A space sorts before every character of a name, so that a group's devices stay together. */
export const keyOf = (group: string, device: string) => `${group} ${device}`;

export function newRecord(report: Report, seenAtMs: number): DeviceRecord {
  const { device, group, bootId, state } = report;
  // One literal: V8 keeps an object that is put together from several spreads as a dictionary, ten times as slow to read.
  return {
    key: keyOf(group, device),
    device,
    group,
    bootId,
    formerBoots: [],
    sequences: new SequenceSet(),
    state,
    total: new WindowCounts(),
    latest: new WindowCounts(),
    latestSequence: 0,
    latestWindowMs: 0,
    countedBefore: 0,
    paceMs: 0,
    toldPaceMs: 0,
    reports: 0,
    latency: LatencySketch.create(),
    seenAtMs,
    staleReports: 0,
    staleAtMs: Number.NEGATIVE_INFINITY,
  };
}

/** The record of a device after a restart, or when an earlier boot continues. */
export function restarted(former: DeviceRecord, report: Report, seenAtMs: number): DeviceRecord {
  const { staleReports, staleAtMs, paceMs, toldPaceMs, reports } = former;
  const boots = [...former.formerBoots, { bootId: former.bootId, lastSequence: lastSequenceOf(former) }];
  const known = boots.find(({ bootId }) => bootId === report.bootId);
  return Object.assign(newRecord(report, seenAtMs), {
    ...{ staleReports, staleAtMs, paceMs, toldPaceMs, reports },
    countedBefore: known?.lastSequence ?? 0,
    formerBoots: boots.filter((boot) => boot !== known).slice(-maxFormerBoots),
  });
}

/**
 * Whether a report comes from a boot that another one has followed. When the other one has stopped reporting, the earlier
 * boot goes on: so a forged report does not replace a device for ever.
 */
export function isStale(
  record: DeviceRecord,
  { bootId, sequence }: Report,
  seenAtMs: number,
  options: OfflineOptions,
): boolean {
  const former = record.formerBoots.find((boot) => boot.bootId === bootId);
  if (!former) return false;
  return sequence <= former.lastSequence || seenAtMs - record.seenAtMs <= patienceMs(record, options);
}

/** @throws OfframpError `TELEMETRY_INVALID` for a number that the boot cannot have reached since its last report */
export function checkSequence(record: DeviceRecord, { bootId, sequence }: Report, seenAtMs: number): void {
  if (record.bootId !== bootId) return;
  const last = lastSequenceOf(record);
  const most = last + maxSkipped + Math.max(0, seenAtMs - record.seenAtMs) / leastWindowMs;
  if (sequence <= most) return;
  throw new OfframpError(
    'TELEMETRY_INVALID',
    `${record.key}: expected report ${last + 1}, or a later one up to ${Math.floor(most)}; found ${sequence}`,
  );
}

/** @returns whether it is counted; `false` for a repeated report */
export function countReport(record: DeviceRecord, report: Report, seenAtMs: number): boolean {
  const { sequences } = record;
  record.seenAtMs = Math.max(record.seenAtMs, seenAtMs);
  if (report.sequence <= record.countedBefore || !sequences.add(report.sequence)) return false;
  addWindow(record.total, report.window);
  if (report.latency) record.latency.merge(report.latency);
  const toldPaceMs = Math.min(report.windowMs, maxPaceMs);
  // An agent's first report comes at its start, the second one after a whole window.
  const believedMs = record.reports < 2 ? toldPaceMs : Math.min(toldPaceMs, record.toldPaceMs);
  record.paceMs = Math.max(believedMs, record.paceMs / 2);
  record.toldPaceMs = toldPaceMs;
  record.reports++;
  if (report.sequence > record.latestSequence) {
    record.latestSequence = report.sequence;
    record.latest = report.window;
    record.latestWindowMs = report.windowMs;
    record.state = report.state;
  }
  return true;
}

const lastSequenceOf = ({ sequences, countedBefore }: DeviceRecord) =>
  Math.max(sequences.last, countedBefore);

/** Counts a report of an earlier boot. */
export function countStaleReport(record: DeviceRecord, seenAtMs: number, options: OfflineOptions): void {
  record.staleReports = recentStaleReports(record, seenAtMs, options) + 1;
  record.staleAtMs = Math.max(record.staleAtMs, seenAtMs);
}

/** Number of recent reports of earlier boots; 0 once they have stopped. */
export function recentStaleReports(record: DeviceRecord, nowMs: number, options: OfflineOptions): number {
  return nowMs - record.staleAtMs <= patienceMs(record, options) ? record.staleReports : 0;
}

export function isRecordOnline(record: DeviceRecord, nowMs: number, options: OfflineOptions): boolean {
  return !hasStopped(record) && nowMs - record.seenAtMs <= patienceMs(record, options);
}

/** Whether a device is silent without having announced a stop. @param sinceMs earlier silence does not count */
export function isRecordSilent(
  record: DeviceRecord,
  nowMs: number,
  sinceMs: number,
  options: OfflineOptions,
): boolean {
  return !hasStopped(record) && nowMs - Math.max(record.seenAtMs, sinceMs) > patienceMs(record, options);
}

function hasStopped({ state }: DeviceRecord): boolean {
  return state.lifecycle === Lifecycle.LIFECYCLE_STOPPED;
}

/** After this much silence, a device counts as offline. */
function patienceMs({ paceMs }: DeviceRecord, { offlineAfterWindows, offlineAfterMinMs }: OfflineOptions) {
  return Math.max(offlineAfterWindows * paceMs, offlineAfterMinMs);
}
