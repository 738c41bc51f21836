import { addConfigOptions, type ConfigDefinition, type ConfigOf, resolveConfig } from '@offramp/runtime';
import { Command } from 'commander';
import type { z } from 'zod';

const argumentDescriptions: ReadonlyMap<string, string> = new Map([
  ['<model>', 'ONNX file of a classifier'],
  ['<bundle>', 'Bundle folder'],
  ['<dir>', 'Folder, which must be empty or missing'],
  ['<party>', 'GROUP/DEVICE, or the name of another party'],
  ['<group>', 'Group of devices'],
  ['[group]', 'Group of devices, or `fleet` for events that concern no single group; default: all events'],
]);

/**
 * A command whose options are a configuration: flags, environment and file are merged into one validated object.
 * @param usage name and positional arguments, as in commander: `evaluate <bundle>`
 * @param run gets the positional arguments in order
 */
export function configCommand<Shape extends z.ZodRawShape>(
  usage: string,
  description: string,
  definition: ConfigDefinition<Shape>,
  run: (config: ConfigOf<ConfigDefinition<Shape>>, ...positional: string[]) => Promise<void>,
): Command {
  const command = new Command(usage.split(' ')[0]).description(description);
  const positional = usage.split(' ').slice(1);
  for (const argument of positional) command.argument(argument, argumentDescriptions.get(argument));
  addConfigOptions(command, definition);
  return command.action(async (...args: unknown[]) => {
    const config = await resolveConfig(
      definition,
      args[positional.length] as Readonly<Record<string, unknown>>,
    );
    await run(config as ConfigOf<ConfigDefinition<Shape>>, ...(args.slice(0, positional.length) as string[]));
  });
}
