import type { AnsweredSample, AnswerMessage } from '@offramp/shared';
import type { PendingSample } from './pending-sample.js';

const microseconds = (milliseconds: number) => Math.max(0, Math.round(milliseconds * 1_000));

/** How an answer stands on the wire. */
export function answerMessage(
  { sample, outcome }: AnsweredSample<PendingSample>,
  policyVersion: number,
): AnswerMessage {
  return {
    ...outcome,
    policyVersion,
    bundleDigest: sample.bundleDigest,
    queueUs: microseconds(sample.queueMs),
    computeUs: microseconds(sample.computeMs),
    passed: sample.passed,
  };
}
