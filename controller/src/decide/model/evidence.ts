import type { EvidenceCounts } from '@offramp/contracts';

/** Evidence under one policy on one or several devices. */
export interface EvidencePart {
  /** Empty: several. */
  device: string;
  bundleDigest: string;
  policyVersion: number;
  counts: EvidenceCounts;
}

/** Evidence after a position in the telemetry stream. */
export interface NewEvidence {
  /** Oldest first. Read-only. */
  parts: EvidencePart[];
  /** The last position in the stream that is included; the next read continues there. */
  upTo: number;
  /** When NATS stored the newest of these reports, in milliseconds since 1970; 0: there is none. */
  storedUpToMs: number;
}

/** How a device's samples ended under one policy. */
export interface DeviceAnswers {
  policyVersion: number;
  samples: number;
  degraded: number;
  /** Per exit; empty if nothing was counted against a latency target. */
  late: readonly number[];
}
