import { busOptions } from '@offramp/contracts';
import { BundleTables } from '@offramp/controller';
import { defineConfig, shortDigest } from '@offramp/runtime';
import { Command } from 'commander';
import { configCommand } from '../../config-command.js';
import { formatInteger } from '../../units.js';
import { withBus } from '../../with-bus.js';
import { controllerOptions, operator, printJson } from './controller-options.js';

const definition = defineConfig('fleet', { ...busOptions, json: controllerOptions.json });

export function bundleCommand(): Command {
  return new Command('bundle').description('Give bundles to controllers').addCommand(
    configCommand(
      'add <bundle>',
      'Give the calibration table of a bundle to all controllers, which tune devices by it',
      definition,
      async (config, directory = '') => {
        await withBus(config, operator, async (bus) => {
          const added = await new BundleTables(bus).add(directory);
          if (config.json) printJson(added);
          else {
            const { digest, name, samples } = added;
            console.log(`bundle ${shortDigest(digest)} ${name}: ${formatInteger(samples)} held-out samples`);
          }
        });
      },
    ),
  );
}
