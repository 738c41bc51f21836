import { connectBus } from '@offramp/contracts';
import { ControllerClient } from '@offramp/controller';
import { commonOptions, duration } from '@offramp/runtime';
import { z } from 'zod';
import { jsonText } from '../../json-text.js';

/** Options of every command that sends a request to the controller. */
export const controllerOptions = {
  nats: commonOptions.nats,
  timeoutMs: duration({ min: 1 })
    .default(5_000)
    .describe('How long to wait for a reply, in milliseconds; changes are then requested twice more'),
  json: z.boolean().default(false).describe('Print JSON'),
};

/**
 * Connects, asks, and disconnects.
 * @throws OfframpError `NATS_UNAVAILABLE`, `NATS_REFUSED`, and what `ask` throws
 */
export async function withController(
  options: { nats: string; timeoutMs: number },
  ask: (client: ControllerClient) => Promise<void>,
): Promise<void> {
  const bus = await connectBus({ url: options.nats, name: 'offramp-fleet' });
  try {
    await ask(new ControllerClient(bus, { timeoutMs: options.timeoutMs }));
  } finally {
    await bus.close();
  }
}

export function printJson(value: unknown): void {
  console.log(jsonText(value, 2));
}
