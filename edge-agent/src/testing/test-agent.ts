import { PassThrough } from 'node:stream';
import { createLogger, type Logger, resolveConfig } from '@offramp/runtime';
import { startAgent } from '../agent.js';
import type { Answer, FailedAnswer } from '../answer.js';
import type { AgentConfig } from '../config.js';
import { agentConfig } from '../config.js';
import type { Agent } from '../run-agent.js';
import { exampleBundleDirectory, exampleData } from './example.js';

export interface TestAgent extends Agent {
  /** Answers written so far. */
  readonly answers: (Answer & Partial<FailedAnswer>)[];
}

/** An agent with the example's bundle, by default without NATS and worker, that collects its answers. */
export async function startTestAgent(
  config: Partial<AgentConfig>,
  output = new PassThrough(),
  logger: Logger = createLogger('test', process.env.OFFRAMP_TEST_LOG ? 'debug' : 'silent'),
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
    logger,
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
