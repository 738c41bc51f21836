import { evidenceToJson } from '@offramp/controller';
import { defineConfig } from '@offramp/runtime';
import type { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../../config-command.js';
import { renderEvidence } from '../../fleet/render-evidence.js';
import { outputIsStyled } from '../../painter.js';
import { controllerOptions, printJson, withController } from './controller-options.js';

const definition = defineConfig('fleet', {
  device: z.string().optional().describe('Only recent evidence of this device'),
  ...controllerOptions,
});

export function evidenceCommand(): Command {
  return configCommand(
    'evidence <group>',
    'Show the evidence by which thresholds of a group are judged: exits, confidences and audits of each policy',
    definition,
    (config, group = '') =>
      withController(config, async (client) => {
        const evidence = await client.getEvidence(group, config.device);
        if (config.json) printJson(evidenceToJson(evidence));
        else console.log(renderEvidence(evidence, { styled: outputIsStyled() }).join('\n'));
      }),
  );
}
