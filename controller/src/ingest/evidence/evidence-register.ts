import type { DeviceHistogram } from '../../decide/drift/device-deviation.js';
import type { DeviceAnswers, NewEvidence } from '../../decide/model/evidence.js';
import type { Report } from '../checked-report.js';
import { EvidenceJournal } from './evidence-journal.js';
import { EvidenceWindow, type EvidenceWindowOptions } from './evidence-window.js';
import { RecentConfidences } from './recent-confidences.js';
import { type CountedEvidence, viewEvidence, type WindowEvidence } from './window-evidence.js';

/** Position of a report in NATS. */
export interface StoredAt {
  /** When it was stored, in milliseconds since 1970. */
  storedAtMs: number;
  /** The report's number in the telemetry stream. */
  sequence: number;
}

export interface EvidenceRegisterOptions {
  /** How long a group's evidence counts, in milliseconds; no longer than reports stay in NATS. */
  windowMs: number;
  /** The same for a single device: a few minutes, for its current state. */
  deviceWindowMs: number;
  /** Maximum number of devices and of groups with evidence. Beyond it, the one that was silent longest is dropped. */
  maxDevices: number;
}

/** Limit of all journals together, in reports or joined chunks. */
const maxChunks = 5_000;
const leastChunks = 2;
const groupSpans = 12;
const deviceSpans = 2;
const groupLimits = { maxPolicies: 8, maxRecordBytes: 16_384 };
const deviceLimits = { maxPolicies: 2, maxRecordBytes: 640, latencies: false };

/**
 * The evidence by which thresholds are judged, from the devices' reports: per group, bundle and policy, and recent evidence
 * per device. It has no clock: the current time is that of the newest report in NATS, so every controller that has read as
 * far gives the same result, regardless of its own clock.
 */
export class EvidenceRegister {
  /** Least recently reported first. */
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

  /** Adds a report that has not been counted before. */
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
   * A group's evidence after a position in the stream, for a reader that counts each report once.
   * @param sequence `upTo` of the last call; 0: from the first known report
   */
  since(group: string, sequence: number): NewEvidence {
    return this.journals.get(group)?.since(sequence) ?? { parts: [], upTo: sequence, storedUpToMs: 0 };
  }

  /** Number of samples in {@link since}. */
  samplesSince(group: string, sequence: number): number {
    return this.journals.get(group)?.samplesSince(sequence) ?? 0;
  }

  /** Drops evidence up to this position, which {@link since} no longer needs, including evidence that has not arrived yet. */
  forget(group: string, upTo: number): void {
    this.journalOf(group).forget(upTo);
  }

  /** Devices of a group whose evidence {@link since} must return separately. */
  keepSeparate(group: string, devices: ReadonlySet<string>): void {
    this.journalOf(group).keepSeparate(devices);
  }

  /** The telemetry stream was created again and counts from 1, so positions in the old one are invalid. */
  reset(): void {
    this.journals.clear();
  }

  /**
   * Confidences of the first exit of those devices that run a bundle.
   * @param span `recent`: the latest few dozen samples of each; `window`: the latest
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

  /** Answers in the latest {@link EvidenceRegisterOptions.deviceWindowMs} of those devices that run a bundle. */
  answers(group: string, devices: readonly string[], bundleDigest: string): DeviceAnswers[] {
    return devices.flatMap(
      (device) => this.devices.get(keyOf(group, device))?.answers(bundleDigest, this.nowMs) ?? [],
    );
  }

  /**
   * Evidence by policy in the latest {@link EvidenceRegisterOptions.windowMs}; no bundles without reports.
   * @param device only this one, in the latest {@link EvidenceRegisterOptions.deviceWindowMs}
   */
  evidence(group: string, device?: string): WindowEvidence {
    return viewEvidence(this.counts(group, device));
  }

  /** As {@link evidence}, in counts that can be summed. */
  counts(group: string, device?: string): CountedEvidence {
    const window = device ? this.devices.get(keyOf(group, device)) : this.groups.get(group);
    return window?.counts(this.nowMs) ?? { bundles: [], windowMs: 0 };
  }

  private journalOf(group: string): EvidenceJournal {
    return this.newest(this.journals, group, () => new EvidenceJournal());
  }

  /** Gets or creates an entry, and drops the one that was silent longest if there are too many. */
  private newest<T>(known: Map<string, T>, key: string, make: () => T): T {
    const found = known.get(key) ?? make();
    known.delete(key);
    known.set(key, found);
    // Finding the oldest entry skips all deleted entries at the front since the map was last compacted.
    if (known.size > this.options.maxDevices) {
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    }
    return found;
  }
}

const keyOf = (group: string, device: string) => `${group} ${device}`;
