import type { PolicyContent } from '../policy/policy-view.js';
import type { Goal } from '../tuner/goals.js';
import type { TuningDecision } from '../tuner/tune.js';
import { newTunerState, type TunerState } from '../tuner/tuner-state.js';
import type { Canary } from './canary.js';
import { type DegradedAnswers, noDegradedAnswers } from './degraded-answers.js';
import type { ControlMode, FleetEvent } from './fleet-control.js';
import type { LateAnswers } from './late-answers.js';

/** What samples have been judged by: needed for as long as evidence of a policy may still come. */
export interface KnownPolicy {
  version: number;
  /** In hexadecimal; `null`: any with as many branches. */
  bundleDigest: string | null;
  thresholds: number[];
  auditRate: number;
  /** What late answers were counted against; `null`: nothing. */
  latencyTargetMs: number | null;
  /** Devices that have followed thresholds of their own under this number. */
  exceptions: PolicyContent['exceptions'];
}

/** A device whose traffic is not its group's, tuned by itself. */
export interface ApartDevice {
  device: string;
  /** Total variation distance of its first exit's confidences to the group's when it was last looked at, in [0, 1]. */
  distance: number;
  thresholds: number[];
  auditRate: number;
  tuner: TunerState;
}

/** A canary has failed: these thresholds and cheaper ones are not tried again before there is as much evidence again. */
export interface Bar {
  thresholds: number[];
  untilSamples: number;
}

export type NewEvent = Omit<FleetEvent, 'sequence' | 'at'>;

/** What has been decided and is to be done; whoever leads next does what is not done yet. */
export interface Intent {
  /** `null`: none is put. */
  policy: PolicyContent | null;
  /** Of the policy's key, for compare and set. */
  previousRevision: number;
  events: NewEvent[];
}

/** The last decision, and whether it is what devices follow. */
export type KeptDecision = Omit<TuningDecision, 'changed'>;

/**
 * All that is known of a group beyond its goals and its policy: what the controller that leads works on. A plain value,
 * kept in NATS by compare and set, which is what makes decisions one after the other, whoever makes them.
 */
export interface GroupState {
  /** Random, one for each time that a group's state is begun. With `number` it names a decision for good. */
  epoch: string;
  /** Counted up by one each time that it is kept. */
  number: number;
  /** How far the telemetry stream has been taken into account, and which stream it is: when it was made. */
  upTo: number;
  streamCreated: string;
  /** When NATS took in the newest report of these, in milliseconds since 1970. */
  storedUpToMs: number;
  /** Samples of all reports that were taken into account, and those of them under policies that nobody knows any more. */
  samples: number;
  samplesUnknown: number;
  /** For the pace of samples by the NATS server's clock: both fade with time. */
  pace: { samples: number; ms: number };
  /** The record of goals that was seen last. */
  goalsRevision: number;
  goals: Goal[];
  mode: ControlMode;
  /** A person has set the newest policy; `null`: no. */
  pinnedBy: { author: string; version: number } | null;
  /** The bundle that is tuned. */
  bundleDigest: string | null;
  /** By bundle, the one used last at the end. */
  tuners: Record<string, TunerState>;
  /** As it should stand in the bucket; `null`: none was ever set. */
  policy: PolicyContent | null;
  /** Oldest first. */
  known: KnownPolicy[];
  canary: Canary | null;
  bar: Bar | null;
  apart: ApartDevice[];
  late: LateAnswers | null;
  degraded: DegradedAnswers;
  decision: KeptDecision | null;
  /** Whether all goals were met when it was last said; `null`: it was not said yet. */
  met: boolean | null;
  explanation: string[];
  problem: string | null;
  intent: Intent | null;
}

const maxKnownPolicies = 24;
const maxTuners = 2;

export function newGroupState(epoch: string): GroupState {
  return {
    ...{ epoch, number: 0, upTo: 0, streamCreated: '', storedUpToMs: 0, samples: 0, samplesUnknown: 0 },
    pace: { samples: 0, ms: 0 },
    ...{ goalsRevision: 0, goals: [], mode: 'auto', pinnedBy: null },
    ...{ bundleDigest: null, tuners: {}, policy: null, known: [], canary: null, bar: null, apart: [] },
    degraded: noDegradedAnswers,
    ...{ late: null, decision: null, met: null, explanation: [], problem: null, intent: null },
  };
}

/** Remembers what samples under a policy are judged by; what it said before of that number is forgotten. */
export function learnPolicy(known: readonly KnownPolicy[], policy: KnownPolicy): KnownPolicy[] {
  const { version, bundleDigest, thresholds, auditRate, latencyTargetMs, exceptions } = policy;
  const others = known.filter((other) => other.version !== version);
  const learnt = { version, bundleDigest, thresholds, auditRate, latencyTargetMs, exceptions };
  return [...others, learnt].slice(-maxKnownPolicies);
}

export function tunerOf(state: GroupState, bundleDigest: string): TunerState {
  return state.tuners[bundleDigest] ?? newTunerState(true);
}

export function withTuner(state: GroupState, bundleDigest: string, tuner: TunerState): GroupState['tuners'] {
  const others = Object.entries(state.tuners).filter(([digest]) => digest !== bundleDigest);
  return Object.fromEntries([...others, [bundleDigest, tuner] as const].slice(-maxTuners));
}

/** Who sets the thresholds of a group now. */
export function modeOf({ mode, pinnedBy }: Pick<GroupState, 'mode' | 'pinnedBy'>): ControlMode {
  return mode === 'auto' && pinnedBy ? 'pinned' : mode;
}

/** Samples per second by the NATS server's clock; 0 while nothing is known. */
export function samplesPerSecond({ pace }: GroupState): number {
  return pace.ms > 0 ? (1_000 * pace.samples) / pace.ms : 0;
}
