import type { Report } from '../register/report.js';
import type { DeviceHistogram } from '../tuner/device-deviation.js';
import { EvidenceJournal, type NewEvidence } from './evidence-journal.js';
import { type DeviceAnswers, EvidenceWindow, type EvidenceWindowOptions } from './evidence-window.js';
import { RecentConfidences } from './recent-confidences.js';
import { type CountedEvidence, viewEvidence, type WindowEvidence } from './window-evidence.js';

/** Where the NATS server put a report. */
export interface StoredAt {
  /** When it took it in, in milliseconds since 1970. */
  storedAtMs: number;
  /** The report's number in the telemetry stream. */
  sequence: number;
}

export interface EvidenceRegisterOptions {
  /** How long a group's evidence counts, in milliseconds; no longer than reports stay in NATS. */
  windowMs: number;
  /** How long a device's does: a few minutes, for what it does now. */
  deviceWindowMs: number;
  /** Devices and groups of which evidence is kept, at most; beyond that the one that was silent longest goes. */
  maxDevices: number;
}

/** Reports, or neighbours among them that have been joined, that journals hold in all. */
const maxChunks = 5_000;
const leastChunks = 2;
const groupSpans = 12;
const deviceSpans = 2;
const groupLimits = { maxPolicies: 8, maxRecordBytes: 16_384 };
const deviceLimits = { maxPolicies: 2, maxRecordBytes: 640, latencies: false };

/**
 * What thresholds are judged by, from the devices' reports: per group, bundle and policy, and per device for what it did
 * lately. It holds no clock: now is when the NATS server took in the newest report, so that every controller that has
 * read as far says the same, whatever its own clock.
 */
export class EvidenceRegister {
  /** Those that reported longest ago come first. */
  private readonly groups = new Map<string, EvidenceWindow>();
  private readonly devices = new Map<string, EvidenceWindow>();
  private readonly recent = new Map<string, RecentConfidences>();
  private readonly journals = new Map<string, EvidenceJournal>();
  private readonly groupOptions: EvidenceWindowOptions;
  private readonly deviceOptions: EvidenceWindowOptions;
  private nowMs = 0;

  constructor(private readonly options: EvidenceRegisterOptions) {
    this.groupOptions = { spans: groupSpans, spanMs: options.windowMs / groupSpans, ...groupLimits };
    this.deviceOptions = {
      spans: deviceSpans,
      spanMs: options.deviceWindowMs / deviceSpans,
      ...deviceLimits,
    };
  }

  /** Takes in a report that has not been counted before. */
  add({ group, device, state, evidence }: Report, { storedAtMs, sequence }: StoredAt): void {
    this.nowMs = Math.max(this.nowMs, storedAtMs);
    if (evidence.length === 0) return;
    const windows = [
      this.newest(this.groups, group, () => new EvidenceWindow(this.groupOptions)),
      this.newest(this.devices, keyOf(group, device), () => new EvidenceWindow(this.deviceOptions)),
    ];
    for (const window of windows) window.add(state.bundleDigest, evidence, storedAtMs);
    this.newest(this.recent, keyOf(group, device), () => new RecentConfidences()).add(
      state.bundleDigest,
      evidence,
    );
    const journal = this.journalOf(group);
    const chunks = Math.max(leastChunks, Math.floor(maxChunks / this.journals.size));
    journal.add({ sequence, storedAtMs }, { device, bundleDigest: state.bundleDigest }, evidence, chunks);
  }

  /**
   * What a group's reports say that came after a place in the stream, for who takes each of them into account once.
   * @param sequence the `upTo` of the last time; 0: from the first report that is known
   */
  since(group: string, sequence: number): NewEvidence {
    return this.journals.get(group)?.since(sequence) ?? { parts: [], upTo: sequence, storedUpToMs: 0 };
  }

  /** How many samples {@link since} would tell of. */
  samplesSince(group: string, sequence: number): number {
    return this.journals.get(group)?.samplesSince(sequence) ?? 0;
  }

  /** Nobody will ask {@link since} for what came up to this place any more, also where it is yet to come. */
  forget(group: string, upTo: number): void {
    this.journalOf(group).forget(upTo);
  }

  /** Devices of a group whose evidence {@link since} must tell by itself, however much there is. */
  keepApart(group: string, devices: ReadonlySet<string>): void {
    this.journalOf(group).keepApart(devices);
  }

  /** The telemetry stream is a new one, which counts from 1 again: no place in the old one means anything any more. */
  startAnew(): void {
    this.journals.clear();
  }

  /**
   * How sure the first exit of some devices was, of those that run a bundle.
   * @param span `recent`: of the latest samples of each, a few dozen; `window`: in the latest
   *   {@link EvidenceRegisterOptions.deviceWindowMs}
   */
  firstConfidences(
    group: string,
    devices: Iterable<string>,
    bundleDigest: string,
    span: 'recent' | 'window',
  ): DeviceHistogram[] {
    const found: DeviceHistogram[] = [];
    for (const device of devices) {
      const key = keyOf(group, device);
      const histogram =
        span === 'recent'
          ? this.recent.get(key)?.of(bundleDigest)
          : this.devices.get(key)?.firstConfidences(bundleDigest, this.nowMs);
      if (histogram?.some((count) => count > 0)) found.push({ device, histogram });
    }
    return found;
  }

  /** How samples of some devices ended in the latest {@link EvidenceRegisterOptions.deviceWindowMs}, of those that run a bundle. */
  answers(group: string, devices: readonly string[], bundleDigest: string): DeviceAnswers[] {
    return devices.flatMap(
      (device) => this.devices.get(keyOf(group, device))?.answers(bundleDigest, this.nowMs) ?? [],
    );
  }

  /**
   * What policies did in the latest {@link EvidenceRegisterOptions.windowMs}; no bundles where nobody reported.
   * @param device only this one, in the latest {@link EvidenceRegisterOptions.deviceWindowMs}
   */
  evidence(group: string, device?: string): WindowEvidence {
    return viewEvidence(this.counts(group, device));
  }

  /** As {@link evidence}, in counts that can be added to others. */
  counts(group: string, device?: string): CountedEvidence {
    const window = device ? this.devices.get(keyOf(group, device)) : this.groups.get(group);
    return window?.counts(this.nowMs) ?? { bundles: [], windowMs: 0 };
  }

  private journalOf(group: string): EvidenceJournal {
    return this.newest(this.journals, group, () => new EvidenceJournal());
  }

  /** Makes it where it is not there, and has what was silent longest go where there are too many. */
  private newest<T>(known: Map<string, T>, key: string, make: () => T): T {
    const found = known.get(key) ?? make();
    known.delete(key);
    known.set(key, found);
    // Looking for the oldest passes all entries that went from the front since the map was last tidied up.
    if (known.size > this.options.maxDevices) {
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    }
    return found;
  }
}

const keyOf = (group: string, device: string) => `${group} ${device}`;
