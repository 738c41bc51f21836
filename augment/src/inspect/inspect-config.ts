import { inputKinds } from '@offramp/bundle';
import { defineConfig } from '@offramp/runtime';
import { z } from 'zod';
import { layouts } from '../onnx/input-layout.js';

export const inputShapeSchema = z.array(z.number().int().positive()).min(1).max(7).optional().meta({
  description:
    "Shape of one sample without the batch, in the model's own order, where the model leaves it open, like 3,224,224",
  fallback: "the model's",
});

/** What a model's input is taken for. */
export const inputChoiceOptions = {
  inputKind: z.enum(inputKinds).optional().meta({
    description: 'What samples are: pictures, or tensors of numbers of any range, from NumPy files',
    fallback: 'picture where the first or the last of three dimensions is 1 or 3, else tensor',
  }),
  layout: z.enum(layouts).optional().meta({
    description:
      "Where the model has a picture's channels; of a tensor, which dimension --mean and --std are for",
    fallback: "where a picture has 1 or 3; a tensor's first dimension",
  }),
};

/** Which of a model's outputs is meant. */
export const outputSchema = z.string().optional().meta({
  description: 'Name of the output that holds the answer, where the model has several',
  fallback: "the model's only one",
});

export const inspectConfig = defineConfig('inspect', {
  all: z.boolean().default(false).describe('Show every cut point, also those that cost the same as another'),
  json: z.boolean().default(false).describe('Print JSON'),
  inputShape: inputShapeSchema,
  ...inputChoiceOptions,
  output: outputSchema,
});
