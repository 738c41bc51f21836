import { Command } from 'commander';
import { agentHealthCommand } from './agent.js';
import { controllerHealthCommand } from './controller.js';
import { workerHealthCommand } from './worker.js';

/** Health checks with an exit status, for container engines, service managers and scripts. */
export function healthCommand(): Command {
  return new Command('health')
    .helpCommand(false)
    .description('Check whether a running program is ready; the exit status is the result')
    .addCommand(agentHealthCommand())
    .addCommand(workerHealthCommand())
    .addCommand(controllerHealthCommand());
}
