import type { GroupGoals } from '@offramp/controller';
import { defineConfig } from '@offramp/runtime';
import { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../../config-command.js';
import { goalAsOption, goalsOf } from '../../fleet/goal-options.js';
import { formatTime, printable } from '../../fleet/text.js';
import { byOf, byOptions } from './by-options.js';
import { controllerOptions, printJson, withController } from './controller-options.js';
import { warnOfNobody } from './nobody-online.js';

const setDefinition = defineConfig('fleet', {
  agreement: z
    .number()
    .optional()
    .describe('Share of answers that are to be those of the whole model, at least, in (0, 1)'),
  offload: z.number().optional().describe('Share of samples that may go to the cloud, at most, from 0 to 1'),
  latency: z
    .string()
    .optional()
    .describe('Time within which answers are to come, and the share that does: 80ms, 1.5s, 80ms:0.95'),
  cloudSeconds: z
    .number()
    .optional()
    .describe("Seconds of workers' time that may be spent per second, at most"),
  expectRevision: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe("Revision that the group's goals must have for these to be set; 0: any"),
  ...byOptions,
  ...controllerOptions,
});
const getDefinition = defineConfig('fleet', controllerOptions);
const clearDefinition = defineConfig('fleet', { ...byOptions, ...controllerOptions });

export function goalCommand(): Command {
  return new Command('goal')
    .description('Say what a group is to achieve; the controller then sets its thresholds')
    .addCommand(setCommand())
    .addCommand(getCommand())
    .addCommand(clearCommand());
}

function setCommand(): Command {
  const command: Command = configCommand(
    'set <group>',
    'Give a group goals, in place of those it has; the one given first is the most important',
    setDefinition,
    async (config, group = '') => {
      const goals = goalsOf(config, Object.keys(command.opts()));
      await withController(config, async (client) => {
        const by = { ...byOf(config), expectedRevision: config.expectRevision };
        show(config, await client.setGoals(group, goals, by));
        await warnOfNobody(client, group);
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
    'Remove all goals of a group; its thresholds stay as they are',
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
