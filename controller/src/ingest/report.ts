import {
  type DeviceStateMessage,
  EvidenceCounts,
  expectFew,
  LatencySketch,
  maxReportedPolicies,
  maxReportedRecords,
  telemetrySubject,
  v1,
  type WindowMessage,
} from '@offramp/contracts';
import { messageOf, OfframpError, quoted } from '@offramp/runtime';
import type { DeviceState, Report, ReportedEvidence } from './checked-report.js';
import { checkState, checkWindow } from './report-bounds.js';
import { readWindow } from './window-counts.js';

export function readDeviceState(message: DeviceStateMessage): DeviceState {
  return {
    lifecycle: message.lifecycle,
    agentVersion: message.agentVersion,
    bundleDigest: Buffer.from(message.bundleDigest).toString('hex'),
    bundleName: message.bundleName,
    branches: message.branches,
    deviceStages: message.deviceStages,
    policyVersion: message.policyVersion,
    thresholds: message.thresholds,
    cloudLink: message.cloudLink,
    policyError: message.policyError,
    policyErrorCode: message.policyErrorCode,
    auditRate: message.auditRate,
    maxAuditBytesPerHour: message.maxAuditBytesPerHour,
  };
}

/**
 * Reads and validates a `TelemetryReport` from a device, which may be broken or hostile.
 * @param subject its NATS subject, whose group and device it must name
 * @throws OfframpError `TELEMETRY_INVALID`
 */
export function readReport(subject: string, bytes: Uint8Array): Report {
  const fail = (what: string): never => {
    throw new OfframpError('TELEMETRY_INVALID', `${subject}: ${what}`);
  };
  const message = decode(subject, bytes);
  const { device, group, bootId, sequence, windowMs } = message;
  if (subject !== subjectOf(group, device)) {
    fail(`expected the report of that device, found ${quoted(`${group} ${device}`)}`);
  }
  if (bootId.length === 0 || bootId.length > 100) {
    fail(`boot_id: expected 1 to 100 characters, found ${bootId.length}`);
  }
  if (sequence < 1) fail('sequence: expected 1 or more, found 0');
  const state = message.state ? readDeviceState(message.state) : fail('state is missing');
  const window = readWindow(message.window);
  try {
    checkState(state);
    const latency = readSketch(message.window);
    const evidence = readEvidence(message.window, state.branches, latency);
    const read = { windowMs, state, window, latency, evidence };
    checkWindow(read);
    return { device, group, bootId, sequence, ...read };
  } catch (error) {
    return fail(messageOf(error));
  }
}

function readSketch(window: WindowMessage | null): LatencySketch | null {
  if (!window || window.latencySketch.length === 0) return null;
  try {
    return LatencySketch.decode(window.latencySketch);
  } catch (cause) {
    throw new Error(`latency_sketch: ${messageOf(cause)}`, { cause });
  }
}

function readEvidence(
  window: WindowMessage | null,
  branches: number,
  latency: LatencySketch | null,
): ReportedEvidence[] {
  if (!window) return [];
  const messages = window.evidence;
  expectFew('evidence', messages, maxReportedPolicies);
  // If there is only one policy, its latencies are those of the window.
  const shared = messages.length === 1 ? latency : null;
  return messages.map((message) => {
    const { policyVersion } = message;
    try {
      const counts = EvidenceCounts.fromMessage(
        message,
        branches,
        { maxRecords: maxReportedRecords },
        shared,
      );
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

/** `null` for invalid names. */
function subjectOf(group: string, device: string): string | null {
  try {
    return telemetrySubject(group, device);
  } catch {
    return null;
  }
}
