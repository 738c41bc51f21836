import { agentConfig, startAgent } from '@offramp/edge-agent';
import { createLogger } from '@offramp/shared';
import type { Command } from 'commander';
import { configCommand } from '../config-command.js';
import { runService } from '../service.js';

export function agentCommand(): Command {
  return configCommand(
    'agent',
    'Classify on this device, and offload what no exit here is sure of',
    agentConfig,
    async (config) => {
      const logger = createLogger('agent', config.logLevel);
      await runService(await startAgent(config, logger, { output: process.stdout }));
    },
  );
}
