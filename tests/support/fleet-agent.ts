import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { type Agent, type AgentConfig, type Answer, agentConfig, startAgent } from '@offramp/edge-agent';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { bundlePath, picturesPath } from './example.js';

/** An agent in this process, on the example, and what it answered. */
export interface FleetAgent {
  readonly agent: Agent;
  readonly answers: Answer[];
  /** Ends when its last answer has been read. */
  stop(): Promise<void>;
}

export async function startFleetAgent(
  config: Partial<AgentConfig> & Pick<AgentConfig, 'nats' | 'device'>,
  random?: () => number,
): Promise<FleetAgent> {
  const output = new PassThrough();
  const answers: Answer[] = [];
  let rest = '';
  output.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    answers.push(...lines.map((line) => JSON.parse(line) as Answer));
  });
  const defaults = await resolveConfig(agentConfig, { bundle: bundlePath, source: picturesPath }, {});
  const agent = await startAgent({ ...defaults, ...config }, createLogger('test', 'silent'), {
    output,
    ...(random ? { random } : {}),
  });
  const stop = async () => {
    await agent.stop();
    const read = once(output, 'end');
    output.end();
    await read;
  };
  return { agent, answers, stop };
}

/** The same numbers from the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
