import { controllerConfig, controllerHeapGrowthPercent, startController } from '@offramp/controller';
import { createLogger, redactUrls, setHeapGrowth } from '@offramp/runtime';
import type { Command } from 'commander';
import { configCommand } from '../config-command.js';
import { runService } from '../service.js';

export function controllerCommand(): Command {
  return configCommand(
    'controller',
    'Keep the register of a fleet, and give its groups their policies',
    controllerConfig,
    async (config) => {
      setHeapGrowth(controllerHeapGrowthPercent);
      await runService(
        () => startController(config, createLogger('controller', config.logLevel)),
        ({ httpAddress }) => {
          const http = httpAddress ? `, HTTP API at ${httpAddress}` : '';
          console.log(`controller ready on ${redactUrls(config.nats)}${http}`);
        },
      );
    },
  );
}
