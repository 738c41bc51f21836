import { type ControllerClient, type FleetEvent, fleetLabel } from '@offramp/controller';
import { defineConfig, duration, type ErrorCode, isOfframpError } from '@offramp/runtime';
import type { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../../config-command.js';
import { OutageNotice } from '../../fleet/outage-notice.js';
import { stoppable } from '../../fleet/stoppable.js';
import { formatTime, printable } from '../../fleet/text.js';
import { jsonText } from '../../json-text.js';
import { outputIsStyled, painter, terminalWidth } from '../../painter.js';
import { runService, type Service } from '../../service.js';
import { wrapLine } from '../../wrap-lines.js';
import { controllerOptions, printJson, withController } from './controller-options.js';

const definition = defineConfig('fleet', {
  limit: z.number().int().min(1).max(500).default(20).describe('Number of events to print, the newest'),
  follow: z.boolean().default(false).describe('Print new events as they occur; JSON then has one per line'),
  refreshMs: duration({ min: 100 })
    .default(1_000)
    .describe('Time between queries for new events, in milliseconds'),
  ...controllerOptions,
});

export function eventsCommand(): Command {
  return configCommand(
    'events [group]',
    'List decisions and their reasons, oldest first',
    definition,
    (config, group = '') =>
      withController(config, async (client) => {
        const events = (await client.listEvents({ group, limit: config.limit })).reverse();
        if (!config.follow) {
          if (config.json) printJson(events);
          else console.log(events.length === 0 ? 'no events' : events.map(describeEvent).join('\n'));
          return;
        }
        const print = (event: FleetEvent) =>
          console.log(config.json ? jsonText(event) : describeEvent(event));
        for (const event of events) print(event);
        const after = events.at(-1)?.sequence ?? 0;
        await runService(() => follow(client, group, after, config.refreshMs, print));
      }),
  );
}

function follow(
  client: ControllerClient,
  group: string,
  from: number,
  refreshMs: number,
  print: (event: FleetEvent) => void,
): Service {
  const notice = new OutageNotice(console.error);
  return stoppable(async (wait) => {
    let after = from;
    while (await wait(refreshMs)) {
      for (const event of await newerEvents(client, group, after, notice)) {
        print(event);
        after = event.sequence;
      }
    }
  });
}

/** Errors that end when NATS or a controller is back. */
const outages: readonly ErrorCode[] = ['CONTROLLER_UNAVAILABLE', 'NATS_UNAVAILABLE', 'JETSTREAM_UNAVAILABLE'];

/** Oldest first; empty while no controller answers, because it may come back. */
async function newerEvents(
  client: ControllerClient,
  group: string,
  after: number,
  notice: OutageNotice,
): Promise<FleetEvent[]> {
  try {
    const events = (await client.listEvents({ group, after })).reverse();
    notice.answered();
    return events;
  } catch (error) {
    if (!isOfframpError(error) || !outages.includes(error.code)) throw error;
    notice.failed(error.message);
    return [];
  }
}

function describeEvent({ at, group, kind, severity, text, author }: FleetEvent): string {
  const paint = painter(outputIsStyled());
  const by = author ? paint('dim', ` (${printable(author)})`) : '';
  const what = severity === 'warning' ? paint('yellow', kind) : kind;
  const line = `${formatTime(at)}  ${group || fleetLabel}  ${what}  ${printable(text)}${by}`;
  return wrapLine(line, terminalWidth());
}
