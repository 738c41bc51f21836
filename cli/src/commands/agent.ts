import { agentConfig, agentHeapGrowthPercent, startAgent } from '@offramp/edge-agent';
import { createLogger, setHeapGrowth } from '@offramp/runtime';
import type { Command } from 'commander';
import { configCommand } from '../config-command.js';
import { runService } from '../service.js';

export function agentCommand(): Command {
  return configCommand(
    'agent',
    'Classify on this device, and offload samples that no exit here is confident about',
    agentConfig,
    async (config) => {
      setHeapGrowth(agentHeapGrowthPercent);
      const logger = createLogger('agent', config.logLevel);
      await runService(() => startAgent(config, logger, { output: process.stdout }));
    },
  );
}
