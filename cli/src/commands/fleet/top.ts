import type { ControllerClient, Fleet } from '@offramp/controller';
import { defineConfig, duration, toOfframpError } from '@offramp/runtime';
import type { Command } from 'commander';
import logUpdate from 'log-update';
import { z } from 'zod';
import { configCommand } from '../../config-command.js';
import { fleetToJson } from '../../fleet/json.js';
import { renderFleet } from '../../fleet/render-fleet.js';
import { stoppable } from '../../fleet/stoppable.js';
import { outputIsStyled, outputWidth, painter } from '../../painter.js';
import { runService, type Service } from '../../service.js';
import { controllerOptions, printJson, withController } from './controller-options.js';
import { groupOption } from './ls.js';

const definition = defineConfig('fleet', {
  group: groupOption,
  refreshMs: duration({ min: 100 })
    .default(1_000)
    .describe('Time between updates of the view, in milliseconds'),
  once: z
    .boolean()
    .default(false)
    .describe('Print one view and exit; the default if standard output is not a terminal'),
  ...controllerOptions,
});

/** Lines of the view besides devices, with the longest legend. */
const otherLines = 14;

export function topCommand(): Command {
  return configCommand('top', 'Show the activity of the devices live', definition, (config) =>
    withController(config, async (client) => {
      if (config.json) {
        printJson(fleetToJson(await client.listDevices(config.group)));
      } else if (config.once || !process.stdout.isTTY) {
        console.log(view(await client.listDevices(config.group), config.group).join('\n'));
      } else {
        await client.listDevices(config.group); // An error before the first view ends the command.
        await runService(() => watch(client, config.group, config.refreshMs));
      }
    }),
  );
}

function view(fleet: Fleet, group: string | undefined, maxDevices?: number): string[] {
  if (group && fleet.devices.length === 0) return [`no devices in group ${group}`];
  return renderFleet(fleet, {
    width: outputWidth(),
    styled: outputIsStyled(),
    ...(maxDevices === undefined ? {} : { maxDevices }),
  });
}

/** Updates the view periodically, and shows the error while the controller does not answer. */
function watch(client: ControllerClient, group: string | undefined, refreshMs: number): Service {
  return stoppable(async (wait, stopped) => {
    let lines: string[] = [];
    do {
      const problem: string[] = [];
      try {
        lines = view(await client.listDevices(group), group, (process.stdout.rows || 40) - otherLines);
      } catch (error) {
        const { code, message } = toOfframpError(error);
        problem.push(painter(outputIsStyled())('red', `[${code}] ${message}; asking again`));
      }
      if (!stopped.aborted) logUpdate([...lines, ...problem].join('\n'));
    } while (await wait(refreshMs));
    logUpdate.done();
  });
}
