import type { AnsweredSample } from '@offramp/bundle';
import type { AnswerInit } from '@offramp/contracts';
import type { PendingSample } from '../batching/pending-sample.js';

const microseconds = (milliseconds: number) => Math.max(0, Math.round(milliseconds * 1_000));

/** An answer as a wire message. */
export function answerMessage(
  { sample, outcome }: AnsweredSample<PendingSample>,
  policyVersion: number,
): AnswerInit {
  return {
    ...outcome,
    policyVersion,
    bundleDigest: sample.bundleDigest,
    queueUs: microseconds(sample.queueMs),
    computeUs: microseconds(sample.computeMs),
    passed: sample.passed,
  };
}
