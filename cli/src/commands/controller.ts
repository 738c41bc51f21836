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
      const controller = await startController(config, createLogger('controller', config.logLevel));
      const http = controller.httpAddress ? `, HTTP API at ${controller.httpAddress}` : '';
      console.log(`controller ready on ${redactUrls(config.nats)}${http}`);
      await runService(controller);
    },
  );
}
