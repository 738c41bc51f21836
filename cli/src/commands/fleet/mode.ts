import type { ControllerClient } from '@offramp/controller';
import { defineConfig, OfframpError } from '@offramp/runtime';
import type { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../../config-command.js';
import { bundleText, bundleWarnings } from '../../fleet/render-policy.js';
import { byOf, byOptions } from './by-options.js';
import { controllerOptions, printJson, withController } from './controller-options.js';
import { warnIfNobodyOnline } from './nobody-online.js';

const definition = defineConfig('fleet', { ...byOptions, ...controllerOptions });

const rollbackDefinition = defineConfig('fleet', {
  toVersion: z.number().int().min(1).optional().meta({
    description: 'Number of the policy whose thresholds are set again',
    fallback: 'the one before the newest',
  }),
  ...byOptions,
  ...controllerOptions,
});

export function freezeCommand(): Command {
  return modeCommand('freeze <group>', 'Keep the thresholds of a group until it is resumed', 'frozen');
}

export function resumeCommand(): Command {
  return modeCommand('resume <group>', 'Let the controller set the thresholds of a group again', 'auto');
}

function modeCommand(usage: string, description: string, mode: 'frozen' | 'auto'): Command {
  return configCommand(usage, description, definition, (config, group = '') =>
    withController(config, async (client) => {
      const goals = await client.setMode(group, mode, byOf(config));
      if (config.json) printJson(goals);
      else console.log(`group ${group}: mode ${goals.mode}`);
      if (goals.goals.length === 0) {
        console.error(`warning: group ${group} has no goal; see \`offramp fleet goal set\``);
      }
      await warnIfNobodyOnline(client, group);
    }),
  );
}

export function rollbackCommand(): Command {
  return configCommand(
    'rollback <group>',
    'Set the thresholds of an earlier policy, and keep them until the group is resumed',
    rollbackDefinition,
    (config, group = '') =>
      withController(config, async (client) => {
        const version = config.toVersion ?? (await versionBefore(client, group));
        const changed = await client.rollBack(group, version, byOf(config));
        const { policy, ...reach } = changed;
        if (config.json) {
          printJson({ ...policy, ...reach });
          return;
        }
        console.log(
          `group ${group}: policy ${policy.version}, with the thresholds of policy ${version} for ${bundleText(policy)}`,
        );
        for (const warning of bundleWarnings(changed)) console.error(`warning: ${warning}`);
      }),
  );
}

async function versionBefore(client: ControllerClient, group: string): Promise<number> {
  const versions = (await client.policyHistory(group)).map(({ version }) => version);
  const newest = Math.max(0, ...versions);
  const before = Math.max(0, ...versions.filter((version) => version < newest));
  if (before > 0) return before;
  throw new OfframpError('POLICY_INVALID', `group ${group} has no earlier policy to go back to`, {
    hint: '`offramp fleet policy history` lists those that are kept.',
  });
}
