import type { Certainty } from '../tuner/audit-rate.js';
import type { Goal } from '../tuner/goals.js';
import type { Drift, TuningFacts, TuningReason } from '../tuner/tune.js';

/**
 * Who sets a group's thresholds. `auto`: the controller, by its goals. `pinned`: a person has, and the controller leaves them.
 * `frozen`: nobody; what is in force stays, a canary is ended.
 */
export type ControlMode = 'auto' | 'pinned' | 'frozen';

/** What an operator wants of a group. */
export interface GroupGoals {
  group: string;
  /** The most important one first. */
  goals: Goal[];
  mode: ControlMode;
  /** Of this record, for compare and set; 0: there is none. */
  revision: number;
  /** Of the last change; empty: nobody said. */
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
  /** What canaries have answered under it. */
  samples: number;
  /** Thresholds that the others have. */
  stableThresholds: number[];
}

/** A device whose traffic is not its group's. */
export interface ExceptionStatus {
  device: string;
  /** Total variation distance of its first exit's confidences to the group's, in [0, 1]. */
  distance: number;
  thresholds: number[];
}

/** What the controller last made of a group, and why. */
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
  /** `null` while nothing was decided. */
  decision: {
    reason: TuningReason;
    certainty: Certainty;
    tableTrusted: boolean;
    drift: Drift | null;
    facts: TuningFacts;
    /** Goals that are not met, in words. */
    unmet: string[];
  } | null;
  canary: CanaryStatus | null;
  exceptions: ExceptionStatus[];
  /** Sentences for a person. */
  explanation: string[];
  /** What keeps the group from being tuned, in words; `null`: nothing. */
  problem: string | null;
}

export type FleetEventKind =
  | 'goals-set'
  | 'mode-set'
  /** Everybody gets a new policy at once. */
  | 'policy'
  | 'canary'
  | 'widened'
  | 'promoted'
  | 'rolled-back'
  | 'drift'
  | 'goal-unmet'
  | 'goal-met'
  /** A considerable share of answers is a branch's that was not sure, since the cloud did not answer. */
  | 'degraded'
  | 'degraded-over'
  | 'device-deviates'
  | 'device-rejoined'
  /** Devices that have not said that they stop have not reported for too long; and those of them that do again. */
  | 'devices-silent'
  | 'devices-back'
  /** The same of workers, whether they were stopped or not. */
  | 'workers-silent'
  | 'workers-back'
  | 'leader';

/** Something that an operator may want to know later: a decision, with its reasons and what it stands on. */
export interface FleetEvent {
  /** Its number in the stream of events. */
  sequence: number;
  /** By the NATS server's clock. */
  at: Date;
  /** Empty for what is of no group. */
  group: string;
  /** Empty for what is of no single device. */
  device: string;
  kind: FleetEventKind;
  severity: 'info' | 'warning';
  /** One sentence. */
  text: string;
  author: string;
  /** 0: it is about none. */
  policyVersion: number;
  /** Of a new policy; else empty. */
  thresholds: number[];
  explanation: string[];
  facts: TuningFacts | null;
}

export interface LeaderStatus {
  instance: string;
  /** By the NATS server's clock. */
  since: Date;
}

/** A worker that has reported lately. */
export interface WorkerStatus {
  worker: string;
  /** Work that came over work that it can do. */
  utilisation: number;
  queued: number;
  maxQueue: number;
  threads: number;
  answeredPerSecond: number;
  refusedPerSecond: number;
  streams: number;
  lastSeenMsAgo: number;
}

/**
 * All that can be asked of, and done to, the control of a fleet; any instance answers. Every call may throw OfframpError:
 * `CONFIG_INVALID` for a name that is none, `POLICY_CONFLICT`, `POLICY_INVALID`, `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`.
 */
export interface FleetControl {
  /** Of groups that have devices, goals, a mode other than `auto`, or a policy, by name. */
  groups(): Promise<string[]>;
  goals(group: string): Promise<GroupGoals>;
  /** @param expectedRevision 0: whatever it is */
  setGoals(
    group: string,
    goals: readonly Goal[],
    by: { author: string; reason: string; expectedRevision: number },
  ): Promise<GroupGoals>;
  setMode(group: string, mode: ControlMode, by: { author: string; reason: string }): Promise<GroupGoals>;
  status(group: string): Promise<GroupStatus>;
  /** Gives a group the thresholds of an earlier policy, and pins them. */
  rollBack(group: string, version: number, by: { author: string; reason: string }): Promise<void>;
  /**
   * Newest first.
   * @param before only events with lower numbers; 0: all
   */
  events(group: string, limit: number, before: number): Promise<FleetEvent[]>;
  /** Calls back for each new event, until the returned function is called. */
  onEvent(listener: (event: FleetEvent) => void): () => void;
  leader(): LeaderStatus | null;
  workers(): WorkerStatus[];
}
