import { type DegradedAnswers, noDegradedAnswers } from '../group/degraded-answers.js';
import type { Canary } from '../rollout/canary.js';
import { newTunerState, type TunerState } from '../tuner/tuner-state.js';
import type { TuningDecision } from '../tuner/tuning-decision.js';
import type { ControlMode } from './fleet-control.js';
import type { NewEvent } from './fleet-event.js';
import type { Goal } from './goals.js';
import type { LateAnswers } from './late-answers.js';
import type { PolicyContent } from './policy-view.js';

/** The content of a policy, remembered for as long as evidence under it may arrive. */
export interface KnownPolicy {
  version: number;
  /** In hexadecimal; `null`: any bundle with this number of branches. */
  bundleDigest: string | null;
  thresholds: number[];
  auditRate: number;
  /** The latency target for late answers; `null`: none. */
  latencyTargetMs: number | null;
  /** Devices with their own thresholds under this number. */
  exceptions: PolicyContent['exceptions'];
}

/** A device whose traffic differs from its group's, and which is tuned separately. */
export interface OutlierDevice {
  device: string;
  /** Total variation distance of its first exit's confidences to the group's when it was last looked at, in [0, 1]. */
  distance: number;
  thresholds: number[];
  auditRate: number;
  tuner: TunerState;
}

/** After a failed canary: these and cheaper thresholds are not tried before the group has `untilSamples` samples. */
export interface Cooldown {
  thresholds: number[];
  untilSamples: number;
}

/** Decided actions. The next leader carries out those that were not. */
export interface Intent {
  /** The policy to store; `null`: none. */
  policy: PolicyContent | null;
  /** Revision of the policy's key, for compare-and-set. */
  previousRevision: number;
  events: NewEvent[];
}

/** The last decision. */
export type KeptDecision = Omit<TuningDecision, 'changed'>;

/**
 * The leader's state of a group, besides goals and policy. A plain value, stored in NATS by compare-and-set, so that decisions
 * of several controllers are serialised.
 */
export interface GroupState {
  /** A random id, new each time a group's state is created. Together with `number` it identifies a decision permanently. */
  epoch: string;
  /** Incremented each time the state is stored. */
  number: number;
  /** The last counted position in the telemetry stream, and the stream's creation time, which identifies it. */
  upTo: number;
  streamCreated: string;
  /** When NATS stored the newest counted report, in milliseconds since 1970. */
  storedUpToMs: number;
  /** Samples of all counted reports, and how many of these were under unknown policies. */
  samples: number;
  samplesUnknown: number;
  /** For the rate of samples by the NATS server's clock. Both decay with time. */
  pace: { samples: number; ms: number };
  /** Revision of the last record of goals that was applied. */
  goalsRevision: number;
  goals: Goal[];
  mode: ControlMode;
  /** Set if an operator set the newest policy. */
  pinnedBy: { author: string; version: number } | null;
  /** The bundle that is tuned. */
  bundleDigest: string | null;
  /** By bundle, the most recently used one last. */
  tuners: Readonly<Record<string, TunerState>>;
  /** The policy expected in the bucket; `null`: none was set. */
  policy: PolicyContent | null;
  /** Oldest first. */
  known: KnownPolicy[];
  canary: Canary | null;
  cooldown: Cooldown | null;
  outliers: OutlierDevice[];
  late: LateAnswers | null;
  degraded: DegradedAnswers;
  decision: KeptDecision | null;
  /** Whether the last report said that all goals are met; `null`: not reported yet. */
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
    ...{
      bundleDigest: null,
      tuners: {},
      policy: null,
      known: [],
      canary: null,
      cooldown: null,
      outliers: [],
    },
    degraded: noDegradedAnswers,
    ...{ late: null, decision: null, met: null, explanation: [], problem: null, intent: null },
  };
}

/** Remembers a policy's content, replacing an earlier one of the same number. */
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

/** The mode in effect. */
export function modeOf({ mode, pinnedBy }: Pick<GroupState, 'mode' | 'pinnedBy'>): ControlMode {
  return mode === 'auto' && pinnedBy ? 'pinned' : mode;
}

/** Samples per second by the NATS server's clock; 0 while nothing is known. */
export function samplesPerSecond({ pace }: GroupState): number {
  return pace.ms > 0 ? (1_000 * pace.samples) / pace.ms : 0;
}
