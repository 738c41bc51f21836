import type { Manifest } from '@offramp/bundle';
import type { ExitOutcome } from '@offramp/contracts';
import type { ErrorCode } from '@offramp/runtime';
import type { SentTensor } from './offload/link-types.js';
import type { ActivePolicy } from './policy/policy-holder.js';

interface AnswerBase {
  /** Counted up from 1, per start of the agent. */
  id: number;
  /** The sample's origin, such as a path. */
  sample: string;
  /** The policy that the sample started under; 0: the bundle's own thresholds. */
  policyVersion: number;
  /** SHA-256 of the bundle's manifest, in hexadecimal. */
  bundle: string;
  /** Milliseconds from arrival to answer. */
  latencyMs: number;
  /** Name of the true class, where known. */
  trueLabel?: string;
}

/** The answer to a sample: one JSON line, and the body of the HTTP response. */
export interface Answer extends AnswerBase {
  label: string;
  /** Index of `label` in the bundle's labels. */
  labelIndex: number;
  /** Of the exit that answered, in [0, 1]. */
  confidence: number;
  /** The exit that answered; the number of branches means the final exit. */
  exit: number;
  /** Whether the sample was sent to a worker: its activation or its input. */
  offloaded: boolean;
  /** Whether a local exit below its threshold answered, because the cloud did not. */
  degraded: boolean;
  /** Whether `label` is the true one, where that is known. */
  correct?: boolean;
}

/** The answer to a sample that failed. */
export interface FailedAnswer extends AnswerBase {
  error: { code: ErrorCode; message: string };
}

/** An answered sample, with the facts that are counted. */
export interface AnsweredResult {
  kind: 'answered';
  answer: Answer;
  /** Index of the true label, where known. */
  trueLabelIndex: number | null;
  /** Stages that the device ran. */
  stagesRun: number;
  /** Whether a worker answered. */
  byWorker: boolean;
  /** The tensor that was sent to a worker; `null`: none. */
  sent: SentTensor | null;
  /** Whether it took longer than the latency target of its policy; `null`: the policy has no target. */
  late: boolean | null;
  /** The exits it passed without leaving, here and on the worker. */
  passed: readonly ExitOutcome[];
}

export interface FailedResult {
  kind: 'failed';
  answer: FailedAnswer;
}

export type SampleResult = AnsweredResult | FailedResult;

/** The fields of every answer. */
export interface AnswerHeader {
  id: number;
  name: string;
  policy: ActivePolicy;
  bundle: string;
  trueLabelIndex: number | null;
  latencyMs: number;
}

export function answerBase(header: AnswerHeader, labels: Manifest['labels']): AnswerBase {
  const trueLabel = header.trueLabelIndex === null ? undefined : labels[header.trueLabelIndex];
  return {
    id: header.id,
    sample: header.name,
    policyVersion: header.policy.version,
    bundle: header.bundle,
    latencyMs: Math.round(header.latencyMs * 1_000) / 1_000,
    ...(trueLabel === undefined ? {} : { trueLabel }),
  };
}
