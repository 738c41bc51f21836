import {
  CloudLink,
  type EvidenceInit,
  LatencySketch,
  Lifecycle,
  sumOf,
  type TelemetryReportInit,
  v1,
} from '@offramp/contracts';
import type { Report } from '../ingest/checked-report.js';
import { readReport } from '../ingest/report.js';

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
  evidence?: EvidenceInit[];
}

/** A device's report of a window, with sensible defaults. */
export function sampleReport(sample: SampleReport = {}): TelemetryReportInit {
  const { evidence = [], latenciesMs = [], exits = exitsOf(sample) } = sample;
  const samples = sumOf(exits);
  const final = exits.at(-1) ?? 0;
  const branches = exits.length - 1;
  const latency = LatencySketch.create();
  for (const ms of latenciesMs) latency.add(ms);
  const all = (of: (policy: EvidenceInit) => number | null | undefined) =>
    sumOf(evidence.map((one) => of(one) ?? 0));
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
      branches,
      deviceStages: Math.min(2, branches + 1),
      policyVersion: sample.policyVersion ?? 0,
      thresholds: new Array<number>(branches).fill(0.9),
      cloudLink: CloudLink.CLOUD_LINK_CONNECTED,
    },
    window: {
      samples,
      exits,
      offloaded: Math.max(
        final,
        all(({ offloaded }) => offloaded),
      ),
      degraded: all(({ degraded }) => degraded),
      labelled: samples,
      correct: Math.max(0, samples - 1),
      deviceMacs: samples * 1_000,
      inputBytes: samples * 600,
      agreement: exits.slice(1).map(() => ({ compared: Math.min(2, final), agreed: Math.min(1, final) })),
      latencySketch: latency.count === 0 ? new Uint8Array(0) : latency.encode(),
      audited: all(({ audited }) => audited),
      auditBytes: all(({ auditBytes }) => auditBytes),
      auditsDropped: all(({ auditsDropped }) => sumOf(Object.values(auditsDropped ?? {}).map(Number))),
      evidence,
    },
  };
}

/** Answers per exit where they are not given: those that the evidence tells of, else some. */
function exitsOf({ branches = 2, evidence = [], latenciesMs = [] }: SampleReport): number[] {
  const exits = new Array<number>(branches + 1).fill(0);
  for (const { left, degraded } of evidence) {
    left?.forEach((count, exit) => {
      exits[exit] = (exits[exit] ?? 0) + count;
    });
    exits[0] = (exits[0] ?? 0) + (degraded ?? 0);
  }
  if (evidence.length > 0) return exits;
  if (latenciesMs.length > 0) return exits.with(0, latenciesMs.length);
  return exits.map((_, exit) => [6, 3][exit] ?? 1);
}

/** The same, validated for the register. */
export function checkedReport(sample: SampleReport = {}): Report {
  const report = sampleReport(sample);
  const subject = `offramp.v1.telemetry.${report.group}.${report.device}`;
  return readReport(subject, v1.TelemetryReport.encode(report).finish());
}
