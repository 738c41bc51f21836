import type { CanaryReach } from '../rollout/canary.js';
import type { Certainty } from '../tuner/audit-rate.js';
import type { Drift, TuningFacts, TuningReason } from '../tuner/tuning-decision.js';
import type { Goal } from './goals.js';
import type { PolicyGap } from './policy-gap.js';

/**
 * How a group's thresholds are set. `auto`: by the controller, from its goals. `pinned`: by an operator; the controller does
 * not change them. `frozen`: they do not change, and a canary is ended.
 */
export type ControlMode = 'auto' | 'pinned' | 'frozen';

/** An operator's goals for a group. */
export interface GroupGoals {
  group: string;
  /** The most important one first. */
  goals: Goal[];
  mode: ControlMode;
  /** Revision of this record, for compare-and-set; 0: there is none. */
  revision: number;
  /** Author of the last change; empty: not given. */
  author: string;
  reason: string;
  /** By the NATS server's clock; `null`: never. */
  setAt: Date | null;
}

/** A policy that only some devices follow so far. */
export interface CanaryStatus {
  policyVersion: number;
  /** Of the group's devices, in [0, 1]. */
  share: number;
  /** What that comes to; `null`: it is not known. */
  reach: CanaryReach | null;
  /** Samples that canaries have answered under it. */
  samples: number;
  /** Thresholds of the other devices. */
  stableThresholds: number[];
}

/** A device whose traffic differs from its group's. */
export interface ExceptionStatus {
  device: string;
  /** Total variation distance of its first exit's confidences to the group's, in [0, 1]. */
  distance: number;
  thresholds: number[];
}

/** The controller's last decision for a group, with reasons. */
export interface GroupStatus {
  group: string;
  mode: ControlMode;
  /** The bundle that is tuned; `null` while no device has reported one whose calibration table is known. */
  bundleDigest: string | null;
  /** 0: none was set. */
  policyVersion: number;
  thresholds: number[];
  auditRate: number;
  /** By the NATS server's clock. */
  decidedAt: Date | null;
  /** `null` before the first decision. */
  decision: {
    reason: TuningReason;
    certainty: Certainty;
    tableTrusted: boolean;
    drift: Drift | null;
    facts: TuningFacts;
    /** Unmet goals, as text. */
    unmet: string[];
  } | null;
  canary: CanaryStatus | null;
  exceptions: ExceptionStatus[];
  /** Online devices that do not follow the newest policy. */
  policyGaps: PolicyGap[];
  /** Sentences for people. */
  explanation: string[];
  /** Why the group cannot be tuned, as a sentence; `null` if it can. */
  problem: string | null;
}

export interface LeaderStatus {
  instance: string;
  /** By the NATS server's clock. */
  since: Date;
}

/** A worker that has reported recently. */
export interface WorkerStatus {
  worker: string;
  /** Offered work over capacity. */
  utilisation: number;
  queued: number;
  maxQueue: number;
  threads: number;
  answeredPerSecond: number;
  refusedPerSecond: number;
  streams: number;
  lastSeenMsAgo: number;
}
