import { defineConfig } from '@offramp/runtime';
import { z } from 'zod';

export const inputShapeSchema = z.array(z.number().int().positive()).min(1).max(7).optional().meta({
  description: 'Shape of one sample without the batch, where the model leaves it open, like 3,224,224',
  fallback: "the model's",
});

/** Which of a model's outputs is meant. */
export const outputSchema = z.string().optional().meta({
  description: 'Name of the output that holds the answer, where the model has several',
  fallback: "the model's only one",
});

export const inspectConfig = defineConfig('inspect', {
  all: z.boolean().default(false).describe('Show every cut point, also those that cost the same as another'),
  json: z.boolean().default(false).describe('Print JSON'),
  inputShape: inputShapeSchema,
  output: outputSchema,
});
