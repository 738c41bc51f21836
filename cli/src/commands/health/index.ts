import { Command } from 'commander';
import { agentHealthCommand } from './agent.js';
import { controllerHealthCommand } from './controller.js';
import { workerHealthCommand } from './worker.js';

/** For whatever watches over a program and wants an exit status: container engines, service managers, scripts. */
export function healthCommand(): Command {
  return new Command('health')
    .helpCommand(false)
    .description('Ask a running program whether it is ready; the exit status tells')
    .addCommand(agentHealthCommand())
    .addCommand(workerHealthCommand())
    .addCommand(controllerHealthCommand());
}
