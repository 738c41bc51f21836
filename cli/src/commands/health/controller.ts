import { connectBus } from '@offramp/contracts';
import { ControllerClient, controllerConfig } from '@offramp/controller';
import { defineConfig, isOfframpError, redactUrls } from '@offramp/runtime';
import type { Command } from 'commander';
import { configCommand } from '../../config-command.js';
import { healthOptions } from './health-options.js';

const definition = defineConfig('controller', { nats: controllerConfig.shape.nats, ...healthOptions });

export function controllerHealthCommand(): Command {
  return configCommand(
    'controller',
    'Check a controller and JetStream over NATS',
    definition,
    async ({ nats, healthTimeoutMs }) => {
      await controllerAnswers(nats, healthTimeoutMs);
      console.log(`the controller at ${redactUrls(nats)} answers`);
    },
  );
}

/** @throws OfframpError `NATS_UNAVAILABLE`, `NATS_REFUSED`, `CONTROLLER_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE` */
async function controllerAnswers(nats: string, timeoutMs: number): Promise<void> {
  const bus = await connectBus({ url: nats, name: 'offramp-health', timeoutMs });
  try {
    // This request involves NATS, the controller, and its buckets in JetStream.
    await new ControllerClient(bus, { timeoutMs }).getPolicy('default').catch((error: unknown) => {
      if (!isOfframpError(error) || error.code !== 'NOT_FOUND') throw error;
    });
  } finally {
    await bus.close();
  }
}
