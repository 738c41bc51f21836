import { PassThrough } from 'node:stream';
import { type Agent, type AgentConfig, type Answer, agentConfig, startAgent } from '@offramp/edge-agent';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { readAnswerLines } from './answers.js';

/** An agent of no fleet in this process, which sends activations without loss. */
export async function startedAgent(
  bundlePath: string,
  changes: Partial<AgentConfig>,
): Promise<{ program: Agent; output: PassThrough; lines: Promise<Answer[]> }> {
  const output = new PassThrough();
  const lines = readAnswerLines(output);
  const given = { bundle: bundlePath, nats: 'none', offloadTimeoutMs: 60_000, activationCodec: 'lossless' };
  const config = await resolveConfig(agentConfig, given, {});
  const program = await startAgent({ ...config, ...changes }, createLogger('test', 'silent'), { output });
  return { program, output, lines };
}

/** What it answers to all samples of a source. */
export async function answersToSource(
  bundlePath: string,
  source: string,
  changes: Partial<AgentConfig>,
): Promise<{ answers: Answer[]; offloadBytes: number }> {
  const { program, output, lines } = await startedAgent(bundlePath, { source, ...changes });
  await program.done;
  output.end();
  return { answers: await lines, offloadBytes: program.status().totals.offloadBytes };
}
