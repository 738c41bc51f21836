import { controllerConfig, startController } from '@offramp/controller';
import { createLogger } from '@offramp/shared';
import type { Command } from 'commander';
import { configCommand } from '../config-command.js';
import { runService } from '../service.js';

export function controllerCommand(): Command {
  return configCommand(
    'controller',
    'Keep the register of a fleet, and give its groups their policies',
    controllerConfig,
    async (config) => {
      const controller = await startController(config, createLogger('controller', config.logLevel));
      const http = controller.httpAddress ? `, HTTP API at ${controller.httpAddress}` : '';
      console.log(`controller ready on ${config.nats}${http}`);
      await runService(controller);
    },
  );
}
