import type { LatencySketch } from '../telemetry/latency-sketch.js';

/** What was seen at one branch. Every list has one count a bin of confidence, see `confidence-bins.ts`. */
export interface ExitEvidence {
  /** Samples that reached the branch, whether or not they left by it, degraded ones included. Audits are not among them. */
  histogram: number[];
  /** Audited samples that left by the branch, by whether it had answered what the final exit then did. */
  audits: { agreed: number[]; disagreed: number[] };
}

/** What every exit said of one sample that was chosen to be audited. */
export interface AuditRecord {
  /** One per branch, in order, also those after the one by which it left. */
  exits: { bin: number; agreed: boolean }[];
  /** The exit by which it left; the number of branches for one that had come to the final exit by itself. */
  leftAt: number;
}

/**
 * What one policy did to the samples that started under it, on devices with one bundle.
 *
 * Samples are chosen for audits with one probability, wherever they leave, so `records` would be a random sample of the
 * traffic but for two things: audits are dropped where there is no room for them, which samples that reach the final exit
 * never are; and degraded samples are not chosen. Both are mended by weighing records by `left`: those that left by exit k
 * stand for `left[k]` samples, of which how many were chosen does not matter.
 */
export interface PolicyEvidence {
  /** 0: the bundle's own thresholds. */
  policyVersion: number;
  /** One per branch. */
  exits: ExitEvidence[];
  /** Samples that were answered: the sum of `left`, and `degraded`. */
  samples: number;
  /** Samples that left by each exit because it was sure enough; the final exit last. */
  left: number[];
  /** Those of `left` that took longer than the policy's latency target; `null` where it has none. */
  late: number[] | null;
  /** Samples that a local exit answered below its threshold, because the cloud did not. */
  degraded: number;
  offloaded: number;
  /** Those of `degraded` that were sent and that a worker refused, since it was full or does not serve them. */
  refusedByWorker: number;
  /**
   * Samples that were chosen to be audited. What is left of them after `audited`, `auditedFinal` and `auditsDropped` is
   * under way, or was on a device that died.
   */
  auditsChosen: number;
  /** Chosen samples that left by a branch and ran on to the final exit. */
  audited: number;
  /** Chosen samples that had come to the final exit by themselves. */
  auditedFinal: number;
  auditsDropped: AuditDrops;
  /** Bytes of tensors sent to workers for audits. */
  auditBytes: number;
  /** The newest, as many as are kept. */
  records: AuditRecord[];
  /** Records that are not kept. */
  recordsDropped: number;
  /** Milliseconds from arrival to answer; empty in the evidence of a single device. */
  latency: LatencySketch;
}

/** Chosen samples that were not run on, by the reason: see `AuditDrops` in `proto/offramp/v1/fleet.proto`. */
export interface AuditDrops {
  busy: number;
  budget: number;
  failed: number;
}

export type AuditDropReason = keyof AuditDrops;
