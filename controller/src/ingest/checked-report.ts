import type { CloudLink, EvidenceCounts, LatencySketch, Lifecycle } from '@offramp/contracts';
import type { WindowCounts } from './window-counts.js';

/** A device's state; the fields are those of `DeviceState` in `fleet.proto`. */
export interface DeviceState {
  lifecycle: Lifecycle;
  agentVersion: string;
  /** SHA-256 in hexadecimal. */
  bundleDigest: string;
  bundleName: string;
  branches: number;
  deviceStages: number;
  policyVersion: number;
  thresholds: number[];
  cloudLink: CloudLink;
  /** Empty: none. */
  policyError: string;
  /** Error code of `policyError`; empty: none, or not reported. */
  policyErrorCode: string;
  /** In [0, 1]. */
  auditRate: number;
  maxAuditBytesPerHour: number;
}

/** Evidence under one policy on the device. */
export interface ReportedEvidence {
  policyVersion: number;
  counts: EvidenceCounts;
}

/** A validated report. */
export interface Report {
  device: string;
  group: string;
  bootId: string;
  sequence: number;
  windowMs: number;
  state: DeviceState;
  window: WindowCounts;
  /** `null` without answers. */
  latency: LatencySketch | null;
  /** Empty from agents that do not report evidence. */
  evidence: ReportedEvidence[];
}
