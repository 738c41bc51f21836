import { defineConfig } from '@offramp/shared';
import { z } from 'zod';

export const inputShapeSchema = z
  .array(z.number().int().positive())
  .min(1)
  .max(7)
  .optional()
  .describe('Shape of one sample, batch left out, where the model leaves it open: 3,224,224');

export const inspectConfig = defineConfig('inspect', {
  all: z.boolean().default(false).describe('Show every cut point, also those that cost the same as another'),
  json: z.boolean().default(false).describe('Print one JSON object with everything, for machines'),
  inputShape: inputShapeSchema,
});
