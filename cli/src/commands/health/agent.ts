import { type RequestOptions, request } from 'node:http';
import { agentConfig } from '@offramp/edge-agent';
import { defineConfig, messageOf, OfframpError } from '@offramp/runtime';
import type { Command } from 'commander';
import { configCommand } from '../../config-command.js';
import { healthOptions, reachableAddress, unhealthy } from './health-options.js';

const definition = defineConfig('agent', { listen: agentConfig.shape.listen, ...healthOptions });

export function agentHealthCommand(): Command {
  return configCommand(
    'agent',
    'Check an agent over HTTP',
    definition,
    async ({ listen, healthTimeoutMs }) => {
      if (listen === undefined) {
        throw new OfframpError('CONFIG_INVALID', 'expected --listen, the address of the HTTP API');
      }
      await agentIsReady(listen, healthTimeoutMs);
      console.log(`the agent at ${listen} is ready`);
    },
  );
}

/** @throws OfframpError `UNHEALTHY`, `CONFIG_INVALID` */
async function agentIsReady(listen: string, timeoutMs: number): Promise<void> {
  const options: RequestOptions = {
    ...reachableAddress(listen),
    path: '/readyz',
    signal: AbortSignal.timeout(timeoutMs),
  };
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const asked = request(options, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.once('error', (error) => {
      const late = error.name === 'TimeoutError' || error.name === 'AbortError';
      const problem = late ? ` within ${timeoutMs} ms` : `: ${messageOf(error)}`;
      reject(unhealthy('agent', listen, `does not answer${problem}`));
    });
    asked.end();
  });
  if (status !== 200) throw unhealthy('agent', listen, `is not ready: it answered with status ${status}`);
}
