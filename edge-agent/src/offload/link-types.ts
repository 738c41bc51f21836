import type { WorkerAnswer } from './check-answer.js';

/** What becomes of a sample that is to be offloaded depends on this. */
export type LinkState =
  /** Not started, or closed for good: samples fall back at once. */
  | 'closed'
  /** A stream is being opened: samples fall back at once. */
  | 'connecting'
  /** The stream takes samples. */
  | 'ready'
  /** The stream stands, but the worker asked to be left alone for a while: samples fall back at once. */
  | 'paused'
  /** The stream stands, but the worker does not serve this bundle: samples fall back at once. */
  | 'unserved'
  /** As `unserved`, but one sample at a time goes to the worker, to learn whether it serves the bundle by now. */
  | 'asking'
  /** The stream broke or could not be opened, and the next attempt is due later: samples fall back at once. */
  | 'waiting';

export interface OffloadLinkOptions {
  /** Most samples sent and not yet answered. */
  maxInFlight: number;
  /** From {@link OffloadLink.offload} on, waiting for a place included. */
  timeoutMs: number;
  /** From {@link OffloadLink.audit} on, waiting for its turn included. */
  auditTimeoutMs: number;
  reconnectFirstMs: number;
  reconnectMaxMs: number;
  /** From the refusal of a worker that does not serve the bundle until it is asked again. */
  unservedPauseMs: number;
}

/** What was sent of a sample. */
export interface SentTensor {
  encoding: number;
  bytes: number;
  /** The stage at which the worker resumes: 0 for the model's input. */
  stage: number;
  /** Whether the worker refused it. */
  refused: boolean;
}

/** Why a local exit has to answer. */
export type FallbackReason = 'down' | 'broken' | 'timeout' | 'refused' | 'stopping';

export type OffloadOutcome = {
  /** `null` if the sample never left. */
  sent: SentTensor | null;
} & ({ answer: WorkerAnswer } | { fallback: FallbackReason });

/** Of samples; audits are not among them, but for answers that came late. */
export interface LinkCounters {
  answered: number;
  timeouts: number;
  refusals: number;
  /** Samples that fell back because the stream broke under them. */
  broken: number;
  /** Answers to samples that had been answered otherwise by then. */
  late: number;
  /** Responses that no sample could have got. */
  invalid: number;
  reconnects: number;
}
