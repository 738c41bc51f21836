import type { WorkerAnswer } from './check-answer.js';
import type { OffloadSample } from './offload-sample.js';

/** States of the link. They determine whether samples are offloaded. */
export type LinkState =
  /** Not started, or closed for good: samples fall back at once. */
  | 'closed'
  /** A stream is being opened: samples fall back at once. */
  | 'connecting'
  /** The stream accepts samples. */
  | 'ready'
  /** The stream is open, but the worker asked for a pause: samples fall back at once. */
  | 'paused'
  /** The stream is open, but the worker does not serve this bundle: samples fall back at once. */
  | 'unserved'
  /** As `unserved`, but one sample at a time is sent, to find out whether the worker serves the bundle now. */
  | 'asking'
  /** The stream broke or could not be opened, and the next attempt is due later: samples fall back at once. */
  | 'waiting';

export interface OffloadLinkOptions {
  /** Limit of samples sent and not yet answered. */
  maxInFlight: number;
  /** Timeout from {@link OffloadLink.offload} on, including the wait for a place. */
  timeoutMs: number;
  /** Timeout from {@link OffloadLink.audit} on, including the wait for its turn. */
  auditTimeoutMs: number;
  reconnectFirstMs: number;
  reconnectMaxMs: number;
  /** Time after a worker refused the bundle until it is asked again. */
  unservedPauseMs: number;
}

/** The tensor that was sent of a sample. */
export interface SentTensor {
  encoding: number;
  bytes: number;
  /** The stage at which the worker resumes: 0 for the model's input. */
  stage: number;
  /** Whether the worker refused it. */
  refused: boolean;
}

/** Why a local exit answers. */
export type FallbackReason = 'down' | 'broken' | 'timeout' | 'refused' | 'stopping';

export type OffloadOutcome = {
  /** `null`: the sample was not sent. */
  sent: SentTensor | null;
} & ({ answer: WorkerAnswer } | { fallback: FallbackReason });

/** A sample without outcome. */
export interface Pending {
  id: number;
  sample: OffloadSample;
  expiresAt: number;
  sent: SentTensor | null;
  cancelTimer: () => void;
  settle(outcome: OffloadOutcome): void;
}

/** Counts of samples. Audits are not included, except in late answers. */
export interface LinkCounters {
  answered: number;
  timeouts: number;
  refusals: number;
  /** Samples that fell back because the stream broke. */
  broken: number;
  /** Answers to samples that were already answered. */
  late: number;
  /** Invalid responses. */
  invalid: number;
  reconnects: number;
  /** Moves to a new connection while the old one was open. */
  moves: number;
}

export function newLinkCounters(): LinkCounters {
  return { answered: 0, timeouts: 0, refusals: 0, broken: 0, late: 0, invalid: 0, reconnects: 0, moves: 0 };
}
