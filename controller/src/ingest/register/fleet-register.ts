import { CloudLink, LatencySketch } from '@offramp/contracts';
import type { GroupSilence } from '../../decide/presence.js';
import type { DeviceState, Report } from '../checked-report.js';
import type { WindowCounts } from '../window-counts.js';
import {
  checkSequence,
  countReport,
  countStaleReport,
  type DeviceRecord,
  isRecordOnline,
  isRecordSilent,
  isStale,
  keyOf,
  newRecord,
  type OfflineOptions,
  recentStaleReports,
  restarted,
} from './device-record.js';
import { SortedKeys } from './sorted-keys.js';

export interface FleetRegisterOptions extends OfflineOptions {
  maxDevices: number;
  /** A device that has been silent for longer is forgotten. */
  forgetAfterMs: number;
}

/**
 * The outcome of a report.
 * - `counted`: it was new
 * - `repeated`: it had been counted before
 * - `stale`: it is of an earlier boot, and the later one still reports. If this happens repeatedly, two agents have the same name.
 * - `full`: it is of a new device, and the register is full of online devices
 */
export type Applied = 'counted' | 'repeated' | 'stale' | 'full';

/** A device in the register. */
export interface DeviceView {
  device: string;
  group: string;
  state: DeviceState;
  lastSeenMsAgo: number;
  online: boolean;
  /** Sum over this boot, from the report `countedFromSequence` on. */
  total: WindowCounts;
  latest: WindowCounts;
  latestWindowMs: number;
  /** 0 without answers. */
  latencyP50Ms: number;
  latencyP99Ms: number;
  reportsMissing: number;
  countedFromSequence: number;
  /**
   * Recent reports of earlier boots, with gaps shorter than the time after which a device is offline; 0 once they have
   * stopped. If they continue, two agents have the same name.
   */
  staleReports: number;
}

/** Totals of the fleet or of one group. */
export interface FleetSummary {
  devices: number;
  online: number;
  /** Over the devices' current boots; 0 without answers. */
  latencyP50Ms: number;
  latencyP99Ms: number;
}

/** Numbers of devices of a group. */
export interface GroupDevices {
  online: number;
  offline: number;
  /** Online devices whose worker does not answer, and those that could not apply the newest policy. */
  cloudDown: number;
  rejecting: number;
  /** The highest version that an online device follows; 0: the thresholds of bundles. */
  policyVersion: number;
}

/** The facts about a device that a map of the fleet shows. */
export interface DevicePresence {
  device: string;
  online: boolean;
  state: DeviceState;
  latest: WindowCounts;
}

const forgetIntervalMs = 1_000;

/**
 * The devices of the fleet and their counts, from their reports. It has no clock and no connection: times are
 * milliseconds of the caller's clock. The cost of a report does not depend on the size of the fleet.
 */
export class FleetRegister {
  /** By key, least recently reported first. */
  private readonly records = new Map<string, DeviceRecord>();
  /** In order, for pages. */
  private readonly keys = new SortedKeys();
  private forgotAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: FleetRegisterOptions) {}

  get size(): number {
    return this.records.size;
  }

  /**
   * Adds a report. Reports may arrive twice and in any order.
   * @param seenAtMs when it reached the NATS server
   * @throws OfframpError `TELEMETRY_INVALID` for a number that the device cannot have reached
   */
  apply(report: Report, seenAtMs: number, nowMs: number): Applied {
    const key = keyOf(report.group, report.device);
    // Not on each report, because finding the oldest entry skips all deleted ones since the map was last compacted.
    if (nowMs - this.forgotAtMs >= forgetIntervalMs) this.forget(nowMs);
    let record = this.records.get(key);
    if (record && isStale(record, report, seenAtMs, this.options)) {
      countStaleReport(record, seenAtMs, this.options);
      return 'stale';
    }
    if (record) checkSequence(record, report, seenAtMs);
    if (!record) {
      if (this.records.size >= this.options.maxDevices && !this.evict(nowMs)) return 'full';
      record = newRecord(report, seenAtMs);
      this.keys.add(key);
    } else if (record.bootId !== report.bootId) record = restarted(record, report, seenAtMs);
    this.records.delete(key);
    this.records.set(key, record);
    return countReport(record, report, seenAtMs) ? 'counted' : 'repeated';
  }

  /**
   * The devices in order of group and name.
   * @param group empty: all groups
   * @param after key of the last device of the previous page; empty: from the start
   */
  *list(group: string, nowMs: number, after = ''): Generator<{ key: string; view: DeviceView }> {
    this.forget(nowMs);
    for (const record of this.recordsOf(group, after)) {
      yield { key: record.key, view: this.view(record, nowMs) };
    }
  }

  /** Groups that have devices, in order. */
  groupNames(nowMs: number): string[] {
    this.forget(nowMs);
    const groups: string[] = [];
    for (let i = 0; i < this.keys.length; ) {
      const group = this.keys.at(i).split(' ')[0] as string;
      groups.push(group);
      // Skip to the first key after all of the group's.
      i = this.keys.indexAfter(keyOf(group, '~'));
    }
    return groups;
  }

  /** A device; `null` if it is not in the register. */
  device(group: string, device: string, nowMs: number): DeviceView | null {
    this.forget(nowMs);
    const record = this.records.get(keyOf(group, device));
    return record ? this.view(record, nowMs) : null;
  }

  /** The devices of a group by name, with fewer facts than {@link list}, in a hundredth of the time. */
  *presence(group: string, nowMs: number): Generator<DevicePresence> {
    this.forget(nowMs);
    for (const record of this.recordsOf(group)) {
      const { device, state, latest } = record;
      yield { device, online: isRecordOnline(record, nowMs, this.options), state, latest };
    }
  }

  /** @param group empty: all groups */
  summary(group: string, nowMs: number): FleetSummary {
    this.forget(nowMs);
    const latency = LatencySketch.create();
    let devices = 0;
    let online = 0;
    for (const record of this.recordsOf(group)) {
      devices++;
      if (isRecordOnline(record, nowMs, this.options)) online++;
      latency.merge(record.latency);
    }
    return { devices, online, ...quantiles(latency) };
  }

  /** Numbers of devices by group, in one pass over all devices. */
  groups(nowMs: number): Map<string, GroupDevices> {
    this.forget(nowMs);
    const found = new Map<string, GroupDevices>();
    for (const record of this.recordsOf('')) {
      const { group, state } = record;
      const counts = found.get(group) ?? {
        online: 0,
        offline: 0,
        cloudDown: 0,
        rejecting: 0,
        policyVersion: 0,
      };
      found.set(group, counts);
      if (!isRecordOnline(record, nowMs, this.options)) {
        counts.offline++;
        continue;
      }
      counts.online++;
      if (state.cloudLink === CloudLink.CLOUD_LINK_DOWN) counts.cloudDown++;
      if (state.policyError !== '') counts.rejecting++;
      counts.policyVersion = Math.max(counts.policyVersion, state.policyVersion);
    }
    return found;
  }

  /** Silent devices by group. @param sinceMs earlier silence does not count */
  silence(nowMs: number, sinceMs: number): Map<string, GroupSilence> {
    this.forget(nowMs);
    const found = new Map<string, GroupSilence>();
    for (const record of this.recordsOf('')) {
      const { group, device } = record;
      const of = found.get(group) ?? { online: 0, silent: [] };
      found.set(group, of);
      if (isRecordOnline(record, nowMs, this.options)) of.online++;
      else if (isRecordSilent(record, nowMs, sinceMs, this.options)) of.silent.push(device);
    }
    return found;
  }

  isOnline(group: string, device: string, nowMs: number): boolean {
    const record = this.records.get(keyOf(group, device));
    return record !== undefined && isRecordOnline(record, nowMs, this.options);
  }

  private *recordsOf(group: string, after = ''): Generator<DeviceRecord> {
    const prefix = group === '' ? '' : keyOf(group, '');
    for (let i = this.keys.indexAfter(after > prefix ? after : prefix); i < this.keys.length; i++) {
      const key = this.keys.at(i);
      if (!key.startsWith(prefix)) return;
      const record = this.records.get(key);
      if (record) yield record;
    }
  }

  private view(record: DeviceRecord, nowMs: number): DeviceView {
    const { device, group, state, total, latest, latestWindowMs, sequences } = record;
    return {
      device,
      group,
      state,
      lastSeenMsAgo: Math.max(0, Math.round(nowMs - record.seenAtMs)),
      online: isRecordOnline(record, nowMs, this.options),
      total,
      latest,
      latestWindowMs,
      ...quantiles(record.latency),
      reportsMissing: sequences.missing,
      countedFromSequence: sequences.first,
      staleReports: recentStaleReports(record, nowMs, this.options),
    };
  }

  /** Makes room by removing the device that was silent longest, if it is offline. */
  private evict(nowMs: number): boolean {
    const [oldest] = this.records.values();
    if (!oldest || isRecordOnline(oldest, nowMs, this.options)) return false;
    this.remove(oldest.key);
    return true;
  }

  private forget(nowMs: number): void {
    this.forgotAtMs = nowMs;
    for (const record of this.records.values()) {
      if (nowMs - record.seenAtMs <= this.options.forgetAfterMs) return;
      this.remove(record.key);
    }
  }

  private remove(key: string): void {
    this.records.delete(key);
    this.keys.remove(key);
  }
}

function quantiles(latency: LatencySketch): { latencyP50Ms: number; latencyP99Ms: number } {
  const at = (q: number) => (latency.count === 0 ? 0 : latency.quantile(q));
  return { latencyP50Ms: at(0.5), latencyP99Ms: at(0.99) };
}
