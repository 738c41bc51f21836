import { offrampVersion } from '@offramp/shared';
import { Command, CommanderError } from 'commander';
import { styleCommands } from './command-style.js';
import { agentCommand } from './commands/agent.js';
import { augmentCommand } from './commands/augment.js';
import { controllerCommand } from './commands/controller.js';
import { evaluateCommand } from './commands/evaluate.js';
import { fleetCommand } from './commands/fleet/index.js';
import { healthCommand } from './commands/health/index.js';
import { inspectCommand } from './commands/inspect.js';
import { workerCommand } from './commands/worker.js';
import { reportError } from './report-error.js';

/** The whole command line; each command lives in a file of its own under `commands/`. */
export function createProgram(): Command {
  const program = new Command('offramp')
    .description('Early exits for any ONNX classifier, split between a fleet of devices and the cloud.')
    .version(offrampVersion, '-V, --version', 'Print the version');
  program.addCommand(inspectCommand());
  program.addCommand(augmentCommand());
  program.addCommand(evaluateCommand());
  program.addCommand(agentCommand());
  program.addCommand(workerCommand());
  program.addCommand(controllerCommand());
  program.addCommand(fleetCommand());
  program.addCommand(healthCommand());
  return styleCommands(program);
}

/** Runs a command line and sets the exit status: 0, 1 for a failure, 2 for wrong usage. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv as string[], { from: 'user' });
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : reportError(error);
  }
}
