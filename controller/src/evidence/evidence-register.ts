import type { Report } from '../register/report.js';
import { EvidenceWindow, type EvidenceWindowOptions } from './evidence-window.js';
import { type CountedEvidence, viewEvidence, type WindowEvidence } from './window-evidence.js';

export interface EvidenceRegisterOptions {
  /** How long a group's evidence counts, in milliseconds; no longer than reports stay in NATS. */
  windowMs: number;
  /** How long a device's does: a few minutes, for what it does now. */
  deviceWindowMs: number;
  /** Devices and groups of which evidence is kept, at most; beyond that the one that was silent longest goes. */
  maxDevices: number;
}

const groupSpans = 12;
const deviceSpans = 2;
const groupLimits = { maxPolicies: 8, maxRecordBytes: 16_384 };
const deviceLimits = { maxPolicies: 2, maxRecordBytes: 640, narrow: true, latencies: false };

/**
 * What thresholds are judged by, from the devices' reports: per group, bundle and policy, and per device for what it did
 * lately. It holds no clock: now is when the NATS server took in the newest report, so that every controller that has
 * read as far says the same, whatever its own clock.
 */
export class EvidenceRegister {
  /** Those that reported longest ago come first. */
  private readonly groups = new Map<string, EvidenceWindow>();
  private readonly devices = new Map<string, EvidenceWindow>();
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

  /**
   * Takes in a report that has not been counted before.
   * @param storedAtMs when the NATS server took it in, since 1970
   */
  add({ group, device, state, evidence }: Report, storedAtMs: number): void {
    this.nowMs = Math.max(this.nowMs, storedAtMs);
    if (evidence.length === 0) return;
    const windows = [
      this.windowOf(this.groups, group, this.groupOptions),
      this.windowOf(this.devices, keyOf(group, device), this.deviceOptions),
    ];
    for (const window of windows) window.add(state.bundleDigest, evidence, storedAtMs);
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

  private windowOf(
    windows: Map<string, EvidenceWindow>,
    key: string,
    options: EvidenceWindowOptions,
  ): EvidenceWindow {
    const window = windows.get(key) ?? new EvidenceWindow(options);
    windows.delete(key);
    windows.set(key, window);
    const [oldest] = windows.keys();
    if (windows.size > this.options.maxDevices && oldest !== undefined) windows.delete(oldest);
    return window;
  }
}

const keyOf = (group: string, device: string) => `${group} ${device}`;
