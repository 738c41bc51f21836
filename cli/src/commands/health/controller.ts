import { type BusConfig, busOptions } from '@offramp/contracts';
import { ControllerClient } from '@offramp/controller';
import { defineConfig, isOfframpError, redactUrls } from '@offramp/runtime';
import type { Command } from 'commander';
import { configCommand } from '../../config-command.js';
import { withBus } from '../../with-bus.js';
import { healthOptions } from './health-options.js';

const definition = defineConfig('controller', { ...busOptions, ...healthOptions });

export function controllerHealthCommand(): Command {
  return configCommand(
    'controller',
    'Check a controller and JetStream over NATS',
    definition,
    async ({ healthTimeoutMs, ...config }) => {
      await controllerAnswers(config, healthTimeoutMs);
      console.log(`the controller at ${redactUrls(config.nats)} answers`);
    },
  );
}

/** @throws OfframpError what `withBus` throws, `CONTROLLER_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE` */
async function controllerAnswers(config: BusConfig, timeoutMs: number): Promise<void> {
  await withBus(
    config,
    { name: 'offramp-health', party: { role: 'controller', name: 'health' }, timeoutMs },
    async (bus) => {
      // This request involves NATS, the controller, and its buckets in JetStream.
      await new ControllerClient(bus, { timeoutMs }).getPolicy('default').catch((error: unknown) => {
        if (!isOfframpError(error) || error.code !== 'NOT_FOUND') throw error;
      });
    },
  );
}
