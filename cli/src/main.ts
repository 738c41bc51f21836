import { describeError, offrampVersion } from '@offramp/runtime';
import { Command, CommanderError } from 'commander';
import { styleCommands } from './command-style.js';
import { reportError } from './report-error.js';

/** Each command is a separate file that is loaded only if it is used, because loading all takes a while. */
const commands: ReadonlyMap<string, () => Promise<Command>> = new Map(
  Object.entries({
    inspect: async () => (await import('./commands/inspect.js')).inspectCommand(),
    augment: async () => (await import('./commands/augment.js')).augmentCommand(),
    calibrate: async () => (await import('./commands/calibrate.js')).calibrateCommand(),
    evaluate: async () => (await import('./commands/evaluate.js')).evaluateCommand(),
    plan: async () => (await import('./commands/plan.js')).planCommand(),
    agent: async () => (await import('./commands/agent.js')).agentCommand(),
    worker: async () => (await import('./commands/worker.js')).workerCommand(),
    controller: async () => (await import('./commands/controller.js')).controllerCommand(),
    fleet: async () => (await import('./commands/fleet/index.js')).fleetCommand(),
    health: async () => (await import('./commands/health/index.js')).healthCommand(),
  }),
);

/**
 * The command line.
 * @param only name of the command to load; default, and for unknown names: all
 */
export async function createProgram(only = ''): Promise<Command> {
  const program = new Command('offramp')
    .description('Early exits for any ONNX classifier, split between a fleet of devices and the cloud.')
    .version(offrampVersion, '-V, --version', 'Print the version');
  const wanted = commands.get(only);
  const loading = (wanted ? [wanted] : [...commands.values()]).map((load) => load());
  for (const command of await Promise.all(loading)) program.addCommand(command);
  return styleCommands(program);
}

/** Runs a command line and sets the exit status: 0, 1 for a failure, 2 for wrong usage. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    const program = await createProgram(argv[0]);
    await program.parseAsync(argv as string[], { from: 'user' });
  } catch (error) {
    process.exitCode =
      error instanceof CommanderError
        ? error.exitCode === 0
          ? 0
          : describeError('USAGE').exitStatus
        : reportError(error);
  }
}
