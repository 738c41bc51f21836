import { type BusConfig, busOptions } from '@offramp/contracts';
import { ControllerClient } from '@offramp/controller';
import { duration } from '@offramp/runtime';
import { z } from 'zod';
import { jsonText } from '../../json-text.js';
import { withBus } from '../../with-bus.js';

/** Options of every command that sends a request to the controller. */
export const controllerOptions = {
  ...busOptions,
  timeoutMs: duration({ min: 1 })
    .default(5_000)
    .describe('How long to wait for a reply, in milliseconds; changes are then requested twice more'),
  json: z.boolean().default(false).describe('Print JSON'),
};

/** How the commands of an operator appear on NATS. */
export const operator = {
  name: 'offramp-fleet',
  party: { role: 'operator', name: 'operator' },
} as const;

/**
 * Connects, asks, and disconnects.
 * @throws OfframpError what `withBus` and `ask` throw
 */
export async function withController(
  options: BusConfig & { timeoutMs: number },
  ask: (client: ControllerClient) => Promise<void>,
): Promise<void> {
  const { timeoutMs } = options;
  await withBus(options, operator, (bus) => ask(new ControllerClient(bus, { timeoutMs })));
}

export function printJson(value: unknown): void {
  console.log(jsonText(value, 2));
}
