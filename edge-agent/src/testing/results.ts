import type { ExitOutcome } from '@offramp/contracts';
import type { AnsweredResult } from '../answer.js';

/** An answered sample, as the pipeline would give it, with fields that a test replaces. */
export function answeredResult(
  exit: number,
  differing: Partial<Omit<AnsweredResult, 'answer' | 'kind'>> & {
    answer?: Partial<AnsweredResult['answer']>;
  } = {},
): AnsweredResult {
  const passed: ExitOutcome[] = Array.from({ length: exit }, (_, i) => ({
    exit: i,
    label: 0,
    confidence: 0.1,
  }));
  const { answer, ...rest } = differing;
  return {
    kind: 'answered',
    trueLabelIndex: null,
    stagesRun: exit + 1,
    byWorker: false,
    sent: null,
    late: null,
    passed,
    ...rest,
    answer: {
      id: 1,
      sample: 'a',
      label: 'zero',
      labelIndex: 0,
      confidence: 0.9,
      exit,
      offloaded: false,
      degraded: false,
      policyVersion: 0,
      bundle: 'b',
      latencyMs: 10,
      ...answer,
    },
  };
}
