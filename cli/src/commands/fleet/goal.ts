import type { GroupGoals } from '@offramp/controller';
import { defineConfig } from '@offramp/runtime';
import { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../../config-command.js';
import { goalAsOption, goalsOf } from '../../fleet/goal-options.js';
import { formatTime, printable } from '../../fleet/text.js';
import { byOf, byOptions } from './by-options.js';
import { controllerOptions, printJson, withController } from './controller-options.js';
import { warnIfNobodyOnline } from './nobody-online.js';

const setDefinition = defineConfig('fleet', {
  agreement: z
    .number()
    .optional()
    .describe("Minimum share of answers that equal the whole model's, in (0, 1)"),
  offload: z.number().optional().describe('Maximum share of samples that go to the cloud, from 0 to 1'),
  latency: z
    .string()
    .optional()
    .describe('Maximum time for an answer, and the share of answers that keep it: 80ms, 1.5s, 80ms:0.95'),
  cloudSeconds: z.number().optional().describe("Maximum of workers' time per second, in seconds"),
  expectRevision: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe("Set these goals only if the group's goals have this revision; 0: any"),
  ...byOptions,
  ...controllerOptions,
});
const getDefinition = defineConfig('fleet', controllerOptions);
const clearDefinition = defineConfig('fleet', { ...byOptions, ...controllerOptions });

export function goalCommand(): Command {
  return new Command('goal')
    .description('Set the goals of a group, by which the controller sets its thresholds')
    .addCommand(setCommand())
    .addCommand(getCommand())
    .addCommand(clearCommand());
}

function setCommand(): Command {
  const command: Command = configCommand(
    'set <group>',
    'Set the goals of a group, replacing earlier ones; the first one is the most important',
    setDefinition,
    async (config, group = '') => {
      const goals = goalsOf(config, Object.keys(command.opts()));
      await withController(config, async (client) => {
        const by = { ...byOf(config), expectedRevision: config.expectRevision };
        show(config, await client.setGoals(group, goals, by));
        await warnIfNobodyOnline(client, group);
      });
    },
  );
  return command;
}

function getCommand(): Command {
  return configCommand('get <group>', "Print a group's goals", getDefinition, (config, group = '') =>
    withController(config, async (client) => show(config, await client.getGoals(group))),
  );
}

function clearCommand(): Command {
  return configCommand(
    'clear <group>',
    'Remove all goals of a group; its thresholds stay unchanged',
    clearDefinition,
    (config, group = '') =>
      withController(config, async (client) => show(config, await client.setGoals(group, [], byOf(config)))),
  );
}

function show({ json }: { json: boolean }, goals: GroupGoals): void {
  if (json) printJson(goals);
  else console.log(describeGoals(goals));
}

function describeGoals({ group, goals, mode, author, reason, setAt }: GroupGoals): string {
  const by = author ? ` by ${printable(author)}` : '';
  return [
    goals.length === 0
      ? `group ${group} has no goal`
      : `group ${group}: ${goals.map(goalAsOption).join(' ')}`,
    `mode        ${mode}`,
    ...(setAt ? [`set         ${formatTime(setAt)}${by}`] : []),
    ...(reason ? [`reason      ${printable(reason)}`] : []),
  ].join('\n');
}
