import {
  CloudLink,
  type DeviceStateMessage,
  EvidenceCounts,
  type EvidenceMessage,
  LatencySketch,
  Lifecycle,
  messageOf,
  OfframpError,
  telemetrySubject,
  v1,
} from '@offramp/shared';
import { readWindow, type WindowCounts } from './window-counts.js';

/** What a device is; the fields are those of `DeviceState` in `fleet.proto`. */
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
  /** In [0, 1]. */
  auditRate: number;
  maxAuditBytesPerHour: number;
}

/** What one policy did on the device. */
export interface ReportedEvidence {
  policyVersion: number;
  counts: EvidenceCounts;
}

/** A report that has been checked. */
export interface Report {
  device: string;
  group: string;
  bootId: string;
  sequence: number;
  windowMs: number;
  state: DeviceState;
  window: WindowCounts;
  /** `null` when nothing was answered. */
  latency: LatencySketch | null;
  /** Empty from a device that is older than evidence. */
  evidence: ReportedEvidence[];
}

const maxExits = 256;
const maxPolicies = 64;
const maxRecords = 4_096;
const maxTextLength = 500;

/** Fills in what proto3 leaves out. */
export function readDeviceState(message: DeviceStateMessage | null | undefined): DeviceState {
  return {
    lifecycle: message?.lifecycle ?? Lifecycle.LIFECYCLE_UNSPECIFIED,
    agentVersion: message?.agentVersion ?? '',
    bundleDigest: Buffer.from(message?.bundleDigest ?? []).toString('hex'),
    bundleName: message?.bundleName ?? '',
    branches: message?.branches ?? 0,
    deviceStages: message?.deviceStages ?? 0,
    policyVersion: message?.policyVersion ?? 0,
    thresholds: message?.thresholds ?? [],
    cloudLink: message?.cloudLink ?? CloudLink.CLOUD_LINK_UNSPECIFIED,
    policyError: message?.policyError ?? '',
    auditRate: message?.auditRate ?? 0,
    maxAuditBytesPerHour: message?.maxAuditBytesPerHour ?? 0,
  };
}

/**
 * Reads a `TelemetryReport` as it came from a device, which may be broken or hostile.
 * @param subject the one it came on, whose group and device it must name
 * @throws OfframpError `TELEMETRY_INVALID`
 */
export function readReport(subject: string, bytes: Uint8Array): Report {
  const fail = (what: string): never => {
    throw new OfframpError('TELEMETRY_INVALID', `${subject}: ${what}`);
  };
  const message = decode(subject, bytes);
  const { device, group, bootId, sequence, windowMs } = message;
  if (subject !== subjectOf(group, device)) {
    fail(`expected the report of that device, found ${JSON.stringify(`${group} ${device}`.slice(0, 140))}`);
  }
  if (bootId.length === 0 || bootId.length > 100) {
    fail(`boot_id: expected 1 to 100 characters, found ${bootId.length}`);
  }
  if (sequence < 1) fail('sequence: expected 1 or more, found 0');
  if (!message.state) fail('state is missing');
  const state = readDeviceState(message.state);
  const window = readWindow(message.window);
  for (const [name, list] of Object.entries({
    exits: window.exits,
    agreement: window.agreement,
    encodings: window.encodings,
    thresholds: state.thresholds,
  })) {
    if (list.length > maxExits) fail(`${name}: expected at most ${maxExits} entries, found ${list.length}`);
  }
  for (const name of ['agentVersion', 'bundleName', 'policyError'] as const) {
    if (state[name].length > maxTextLength) {
      fail(`${name}: expected at most ${maxTextLength} characters, found ${state[name].length}`);
    }
  }
  if (state.bundleDigest.length !== 64) {
    fail(`bundle_digest: expected 32 bytes, found ${state.bundleDigest.length / 2}`);
  }
  try {
    const latency = readSketch(message.window?.latencySketch);
    const evidence = readEvidence(message.window?.evidence ?? [], state.branches, latency);
    return { device, group, bootId, sequence, windowMs, state, window, latency, evidence };
  } catch (error) {
    return fail(messageOf(error));
  }
}

function readSketch(bytes: Uint8Array | null | undefined): LatencySketch | null {
  if (!bytes?.length) return null;
  try {
    return LatencySketch.decode(bytes);
  } catch (cause) {
    throw new Error(`latency_sketch: ${messageOf(cause)}`, { cause });
  }
}

function readEvidence(
  messages: readonly EvidenceMessage[],
  branches: number,
  latency: LatencySketch | null,
): ReportedEvidence[] {
  if (messages.length > maxPolicies) {
    throw new Error(`evidence: expected at most ${maxPolicies} policies, found ${messages.length}`);
  }
  if (messages.length > 0 && branches >= maxExits) {
    throw new Error(`branches: expected fewer than ${maxExits}, found ${branches}`);
  }
  // A policy that has the window for itself leaves its latencies to it.
  const shared = messages.length === 1 ? latency : null;
  return messages.map((message) => {
    const policyVersion = message.policyVersion ?? 0;
    try {
      const counts = EvidenceCounts.fromMessage(message, branches, { maxRecords }, shared);
      return { policyVersion, counts };
    } catch (cause) {
      throw new Error(`evidence of policy ${policyVersion}: ${messageOf(cause)}`, { cause });
    }
  });
}

function decode(subject: string, bytes: Uint8Array) {
  try {
    return v1.TelemetryReport.decode(bytes);
  } catch (cause) {
    throw new OfframpError('TELEMETRY_INVALID', `${subject}: not a TelemetryReport: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** `null` where the names are none. */
function subjectOf(group: string, device: string): string | null {
  try {
    return telemetrySubject(group, device);
  } catch {
    return null;
  }
}
