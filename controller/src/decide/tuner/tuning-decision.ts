import type { ConfidenceDrift } from '../drift/confidence-drift.js';
import type { Choice } from '../model/goals.js';
import type { Certainty } from './audit-rate.js';

/** A shift of the input distribution, found by confidences or by audits. */
export type Drift =
  | ConfidenceDrift
  /** More audited answers disagree than the goal allows: `disagreed` of about `audited`. */
  | { kind: 'agreement'; samples: number; audited: number; disagreed: number };

/** Why thresholds are what they are. */
export type TuningReason =
  /** No goal is set. */
  | 'no-goal'
  /** Too few samples since the last change to judge it by. */
  | 'too-little-evidence'
  /** After a drift: thresholds are as safe as goals more important than agreement allow, until audits prove cheaper ones. */
  | 'drift'
  /** The thresholds in force are not proven to meet the goal. */
  | 'not-proven'
  /** A ceiling is exceeded, and lower thresholds keep it. */
  | 'over-ceiling'
  /** Cheaper thresholds are proven. */
  | 'cheaper'
  /** Safer thresholds keep the ceiling, too. */
  | 'safer'
  /** An operator's thresholds are not a candidate; the nearest safer candidate replaces them, so that evidence applies. */
  | 'aligned'
  /** Other thresholds would improve too little. */
  | 'good-enough';

/** Facts about the newest thresholds, by which candidates are judged. All shares are in [0, 1]. */
export interface TuningFacts {
  /** Agreement predicted by audits and, if it is trusted, the table; and the proven lower bound. */
  agreement: number;
  agreementBound: number;
  /** The proof of the bound. */
  provenBy: 'table' | 'audits';
  cost: number;
  offloadShare: number;
  exitShares: number[];
  samples: number;
  records: number;
  tableSamples: number;
}

export interface TuningDecision {
  thresholds: number[];
  auditRate: number;
  /** Whether devices need a new policy. */
  changed: boolean;
  reason: TuningReason;
  choice: Choice;
  /** The candidate that goals lead to. Thresholds get there in bounded steps. */
  target: number;
  position: number;
  certainty: Certainty;
  drift: Drift | null;
  tableTrusted: boolean;
  facts: TuningFacts;
}
