import { PassThrough } from 'node:stream';
import { createLogger, resolveConfig } from '@offramp/shared';
import { type Agent, type AgentConfig, startAgent } from '../agent.js';
import type { Answer, FailedAnswer } from '../answer.js';
import { agentConfig } from '../config.js';
import { exampleBundleDirectory, exampleData } from './example.js';

export interface TestAgent extends Agent {
  /** What was written so far. */
  readonly answers: (Answer & Partial<FailedAnswer>)[];
}

/** An agent on the example, alone unless told otherwise, with its answers in an array. */
export async function startTestAgent(
  config: Partial<AgentConfig>,
  output = new PassThrough(),
): Promise<TestAgent> {
  const answers: TestAgent['answers'] = [];
  let rest = '';
  output.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    answers.push(...lines.map((line) => JSON.parse(line)));
  });
  const defaults = await resolveConfig(
    agentConfig,
    { bundle: exampleBundleDirectory, device: 'test', nats: 'none' },
    {},
  );
  const agent = await startAgent(
    { ...defaults, ...(config.listen ? {} : { source: exampleData }), ...config },
    createLogger('test', process.env.OFFRAMP_TEST_LOG ? 'debug' : 'silent'),
    { output },
  );
  return {
    done: agent.done,
    stop: () => agent.stop(),
    status: () => agent.status(),
    httpAddress: agent.httpAddress,
    metricsAddress: agent.metricsAddress,
    answers,
  };
}

/** Exactly one answer for each of `count` samples. */
export function idsOf(answers: TestAgent['answers']): number[] {
  return answers.map(({ id }) => id).sort((a, b) => a - b);
}

export const numbersTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
