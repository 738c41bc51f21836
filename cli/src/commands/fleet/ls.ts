import { defineConfig } from '@offramp/runtime';
import type { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../../config-command.js';
import { fleetToJson } from '../../fleet/json.js';
import { renderDevices } from '../../fleet/render-devices.js';
import { outputIsStyled, outputWidth, terminalWidth } from '../../painter.js';
import { wrapLine } from '../../wrap-lines.js';
import { controllerOptions, printJson, withController } from './controller-options.js';

export const groupOption = z.string().optional().describe('Only the devices of this group');

const definition = defineConfig('fleet', { group: groupOption, ...controllerOptions });

export function lsCommand(): Command {
  return configCommand('ls', 'List the devices that have reported', definition, (config) =>
    withController(config, async (client) => {
      const fleet = await client.listDevices(config.group);
      if (config.json) {
        printJson(fleetToJson(fleet));
      } else if (fleet.devices.length === 0) {
        console.log(config.group ? `no devices in group ${config.group}` : 'no devices have reported yet');
      } else {
        const lines = renderDevices(fleet, { width: outputWidth(), styled: outputIsStyled() });
        console.log(lines.map((line) => wrapLine(line, terminalWidth())).join('\n'));
      }
    }),
  );
}
