import {
  CloudLink,
  type EvidenceMessage,
  LatencySketch,
  Lifecycle,
  type TelemetryReport,
  v1,
} from '@offramp/shared';
import { type Report, readReport } from '../register/report.js';

export interface SampleReport {
  device?: string;
  group?: string;
  bootId?: string;
  sequence?: number;
  windowMs?: number;
  lifecycle?: Lifecycle;
  branches?: number;
  policyVersion?: number;
  /** Answers per exit. */
  exits?: number[];
  latenciesMs?: number[];
  evidence?: EvidenceMessage[];
}

/** A device's report of a window, with sensible values where none are given. */
export function sampleReport(sample: SampleReport = {}): TelemetryReport {
  const exits = sample.exits ?? [6, 3, 1];
  const samples = exits.reduce((sum, count) => sum + count, 0);
  const latency = LatencySketch.create();
  for (const ms of sample.latenciesMs ?? []) latency.add(ms);
  return {
    device: sample.device ?? 'cam-1',
    group: sample.group ?? 'cameras',
    bootId: sample.bootId ?? 'boot-a',
    sequence: sample.sequence ?? 1,
    windowMs: sample.windowMs ?? 1_000,
    state: {
      lifecycle: sample.lifecycle ?? Lifecycle.LIFECYCLE_RUNNING,
      agentVersion: '0.1.0',
      bundleDigest: Buffer.alloc(32, 7),
      bundleName: 'shoes',
      branches: sample.branches ?? exits.length - 1,
      deviceStages: 2,
      policyVersion: sample.policyVersion ?? 0,
      thresholds: new Array<number>(exits.length - 1).fill(0.9),
      cloudLink: CloudLink.CLOUD_LINK_CONNECTED,
    },
    window: {
      samples,
      exits,
      offloaded: exits.at(-1) ?? 0,
      labelled: samples,
      correct: samples - 1,
      deviceMacs: samples * 1_000,
      agreement: exits.slice(1).map(() => ({ compared: 2, agreed: 1 })),
      latencySketch: latency.count === 0 ? new Uint8Array(0) : latency.encode(),
      evidence: sample.evidence ?? [],
    },
  };
}

/** The same, as the register takes it. */
export function checkedReport(sample: SampleReport = {}): Report {
  const report = sampleReport(sample);
  const subject = `offramp.v1.telemetry.${report.group}.${report.device}`;
  return readReport(subject, v1.TelemetryReport.encode(report).finish());
}
