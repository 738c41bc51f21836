import { CloudLink, LatencySketch, Lifecycle } from '@offramp/shared';
import type { DeviceState, Report } from './report.js';
import { SequenceSet } from './sequence-set.js';
import { addWindow, readWindow, type WindowCounts } from './window-counts.js';

export interface FleetRegisterOptions {
  maxDevices: number;
  /** A device is offline when it has been silent for this many windows of its reports … */
  offlineAfterWindows: number;
  /** … and for this many milliseconds. */
  offlineAfterMinMs: number;
  /** A device that has been silent for longer is forgotten. */
  forgetAfterMs: number;
}

/**
 * What became of a report.
 * - `counted`: it was news
 * - `repeated`: it had been counted before
 * - `stale`: it is from a boot that another has followed. Where it happens over and over, two agents have one name.
 * - `full`: it is of a new device, and the register is full of devices that are online
 */
export type Applied = 'counted' | 'repeated' | 'stale' | 'full';

/** A device as the register knows it. */
export interface DeviceView {
  device: string;
  group: string;
  state: DeviceState;
  lastSeenMsAgo: number;
  online: boolean;
  /** Of this boot, from the report `countedFromSequence` on. */
  total: WindowCounts;
  latest: WindowCounts;
  latestWindowMs: number;
  /** 0 while nothing was answered. */
  latencyP50Ms: number;
  latencyP99Ms: number;
  reportsMissing: number;
  countedFromSequence: number;
  /**
   * Reports of former boots that came lately, each before a device would count as offline after the one before; 0 once
   * they have ceased. Where they keep coming, two agents have this name.
   */
  staleReports: number;
}

/** Of a whole fleet, or of one group. */
export interface FleetSummary {
  devices: number;
  online: number;
  /** Over the devices' present boots; 0 while nothing was answered. */
  latencyP50Ms: number;
  latencyP99Ms: number;
}

/** Devices of a group. */
export interface GroupDevices {
  online: number;
  offline: number;
  /** Of those online: whose worker does not answer, and who could not apply the newest policy. */
  cloudDown: number;
  rejecting: number;
  /** The highest that one online follows; 0: the thresholds of bundles. */
  policyVersion: number;
}

/** Who of a group is heard of. */
export interface GroupSilence {
  online: number;
  /** Devices that have not said that they stop, and that have been silent for too long to be online. */
  silent: string[];
}

/** Of a device, what a map of the fleet shows. */
export interface DevicePresence {
  device: string;
  online: boolean;
  state: DeviceState;
  latest: WindowCounts;
}

interface DeviceRecord {
  readonly key: string;
  readonly device: string;
  readonly group: string;
  bootId: string;
  /** Boots that came before, the newest last. */
  formerBoots: string[];
  sequences: SequenceSet;
  state: DeviceState;
  total: WindowCounts;
  latest: WindowCounts;
  latestSequence: number;
  latestWindowMs: number;
  /** The longest window lately: a short extra report must not make the next regular one look late. */
  paceMs: number;
  latency: LatencySketch;
  seenAtMs: number;
  staleReports: number;
  /** When the latest of them came. */
  staleAtMs: number;
}

const maxFormerBoots = 8;
/** Longer windows come from a device that was cut off, and say nothing about when its next report is due. */
const maxPaceMs = 600_000;
const forgetIntervalMs = 1_000;

/**
 * Who is in the fleet and what they did, from their reports. Holds no clock and no connection: times are
 * milliseconds of one clock of the caller's. A report costs no more in a large fleet than in a small one.
 */
export class FleetRegister {
  /** By key; the device whose report was applied longest ago comes first. */
  private readonly records = new Map<string, DeviceRecord>();
  /** In order, for pages. */
  private readonly keys: string[] = [];
  private forgotAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: FleetRegisterOptions) {}

  get size(): number {
    return this.records.size;
  }

  /**
   * Takes in a report. Reports may come twice and in any order.
   * @param seenAtMs when it reached the NATS server
   */
  apply(report: Report, seenAtMs: number, nowMs: number): Applied {
    const key = keyOf(report.group, report.device);
    // Not each time: looking for the oldest passes all places that were left since the map was last tidied up.
    if (nowMs - this.forgotAtMs >= forgetIntervalMs) this.forget(nowMs);
    let record = this.records.get(key);
    if (record?.formerBoots.includes(report.bootId)) {
      record.staleReports = this.staleReports(record, seenAtMs) + 1;
      record.staleAtMs = Math.max(record.staleAtMs, seenAtMs);
      return 'stale';
    }
    if (!record) {
      if (this.records.size >= this.options.maxDevices && !this.evict(nowMs)) return 'full';
      record = newRecord(key, report, seenAtMs);
      this.keys.splice(this.indexAfter(key), 0, key);
    } else if (record.bootId !== report.bootId) {
      const formerBoots = [...record.formerBoots, record.bootId].slice(-maxFormerBoots);
      const { staleReports, staleAtMs } = record;
      record = { ...newRecord(key, report, seenAtMs), formerBoots, staleReports, staleAtMs };
    }
    this.records.delete(key);
    this.records.set(key, record);
    record.seenAtMs = Math.max(record.seenAtMs, seenAtMs);
    if (!record.sequences.add(report.sequence)) return 'repeated';
    addWindow(record.total, report.window);
    if (report.latency) record.latency.merge(report.latency);
    record.paceMs = Math.max(Math.min(report.windowMs, maxPaceMs), record.paceMs / 2);
    if (report.sequence > record.latestSequence) {
      record.latestSequence = report.sequence;
      record.latest = report.window;
      record.latestWindowMs = report.windowMs;
      record.state = report.state;
    }
    return 'counted';
  }

  /**
   * The devices in order of group and name.
   * @param group empty: all groups
   * @param after the key of the device before the first; empty: from the start
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
      const group = (this.keys[i] as string).split(' ')[0] as string;
      groups.push(group);
      // On to the first key that comes after all of the group's.
      i = this.indexAfter(keyOf(group, '~'));
    }
    return groups;
  }

  /** A device; `null`: it is not in the register. */
  device(group: string, device: string, nowMs: number): DeviceView | null {
    this.forget(nowMs);
    const record = this.records.get(keyOf(group, device));
    return record ? this.view(record, nowMs) : null;
  }

  /** The devices of a group by name: less of each than {@link list} tells, in a hundredth of the time. */
  *presence(group: string, nowMs: number): Generator<DevicePresence> {
    this.forget(nowMs);
    for (const record of this.recordsOf(group)) {
      const { device, state, latest } = record;
      yield { device, online: this.isRecordOnline(record, nowMs), state, latest };
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
      if (this.isRecordOnline(record, nowMs)) online++;
      latency.merge(record.latency);
    }
    return { devices, online, ...quantiles(latency) };
  }

  /** Numbers of branches that a group's devices report, with the devices: those online, or all if none is. */
  branches(group: string, nowMs: number): Map<number, string[]> {
    const all = [...this.recordsOf(group)];
    const online = all.filter((record) => this.isRecordOnline(record, nowMs));
    const found = new Map<number, string[]>();
    for (const { state, device } of online.length > 0 ? online : all) {
      const devices = found.get(state.branches);
      if (devices) devices.push(device);
      else found.set(state.branches, [device]);
    }
    return found;
  }

  /** What the devices of each group are, by name of the group; costs no more than a look at each device. */
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
      if (!this.isRecordOnline(record, nowMs)) {
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

  /** By name of the group. @param sinceMs silence of before does not count */
  silence(nowMs: number, sinceMs: number): Map<string, GroupSilence> {
    this.forget(nowMs);
    const found = new Map<string, GroupSilence>();
    for (const record of this.recordsOf('')) {
      const { group, device, state, seenAtMs } = record;
      const of = found.get(group) ?? { online: 0, silent: [] };
      found.set(group, of);
      if (this.isRecordOnline(record, nowMs)) of.online++;
      else if (
        state.lifecycle !== Lifecycle.LIFECYCLE_STOPPED &&
        nowMs - Math.max(seenAtMs, sinceMs) > this.patienceMs(record)
      ) {
        of.silent.push(device);
      }
    }
    return found;
  }

  isOnline(group: string, device: string, nowMs: number): boolean {
    const record = this.records.get(keyOf(group, device));
    return record !== undefined && this.isRecordOnline(record, nowMs);
  }

  private *recordsOf(group: string, after = ''): Generator<DeviceRecord> {
    const prefix = group === '' ? '' : keyOf(group, '');
    for (let i = this.indexAfter(after > prefix ? after : prefix); i < this.keys.length; i++) {
      const key = this.keys[i] as string;
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
      online: this.isRecordOnline(record, nowMs),
      total,
      latest,
      latestWindowMs,
      ...quantiles(record.latency),
      reportsMissing: sequences.missing,
      countedFromSequence: sequences.first,
      staleReports: this.staleReports(record, nowMs),
    };
  }

  private isRecordOnline(record: DeviceRecord, nowMs: number): boolean {
    return (
      record.state.lifecycle !== Lifecycle.LIFECYCLE_STOPPED &&
      nowMs - record.seenAtMs <= this.patienceMs(record)
    );
  }

  private staleReports(record: DeviceRecord, nowMs: number): number {
    return nowMs - record.staleAtMs <= this.patienceMs(record) ? record.staleReports : 0;
  }

  /** Silence that says that no more reports are to come. */
  private patienceMs({ paceMs }: DeviceRecord): number {
    const { offlineAfterWindows, offlineAfterMinMs } = this.options;
    return Math.max(offlineAfterWindows * paceMs, offlineAfterMinMs);
  }

  /** Makes room by removing the device that was silent longest, if it is offline. */
  private evict(nowMs: number): boolean {
    const [oldest] = this.records.values();
    if (!oldest || this.isRecordOnline(oldest, nowMs)) return false;
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
    this.keys.splice(this.indexAfter(key) - 1, 1);
  }

  /** Index of the first key that comes after this one. */
  private indexAfter(key: string): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.keys[middle] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A space sorts before everything that a name may hold, so that a group's devices stay together. */
const keyOf = (group: string, device: string) => `${group} ${device}`;

function newRecord(key: string, report: Report, seenAtMs: number): DeviceRecord {
  return {
    key,
    device: report.device,
    group: report.group,
    bootId: report.bootId,
    formerBoots: [],
    sequences: new SequenceSet(),
    state: report.state,
    total: readWindow(null),
    latest: readWindow(null),
    latestSequence: 0,
    latestWindowMs: 0,
    paceMs: 0,
    latency: LatencySketch.create(),
    seenAtMs,
    staleReports: 0,
    staleAtMs: Number.NEGATIVE_INFINITY,
  };
}

function quantiles(latency: LatencySketch): { latencyP50Ms: number; latencyP99Ms: number } {
  const at = (q: number) => (latency.count === 0 ? 0 : latency.quantile(q));
  return { latencyP50Ms: at(0.5), latencyP99Ms: at(0.99) };
}
