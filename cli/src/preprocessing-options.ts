import {
  channelOrders,
  maxResize,
  meanSchema,
  type Preprocessing,
  pixelScales,
  resizeModes,
  stdSchema,
} from '@offramp/bundle';
import { defineConfig, OfframpError, resolveConfig } from '@offramp/runtime';
import { z } from 'zod';

/** What a file that `--preprocessing` names may say; mean and std have to be said somewhere. */
const definition = defineConfig('augment', {
  mean: z
    .array(meanSchema)
    .describe(
      "Per channel, in the model's order: the means that the model was trained with, of pixel / 255; needed here or in the file",
    ),
  std: z
    .array(stdSchema)
    .describe(
      "Per channel, in the model's order: the deviations that the model was trained with, of pixel / 255; needed here or in the file",
    ),
  resizeMode: z.enum(resizeModes).optional().meta({
    description: 'How pictures get the size of the input: stretched to it, or resized and the middle cut out',
    fallback: 'stretch',
  }),
  resize: z.number().int().positive().max(maxResize).optional().meta({
    description: 'With fit-crop: pixels that the shorter side is resized to before the crop',
    fallback: "the input's longer side",
  }),
  channelOrder: z
    .enum(channelOrders)
    .optional()
    .meta({ description: 'In which the model takes the channels', fallback: 'rgb' }),
  scale: z
    .enum(pixelScales)
    .optional()
    .meta({ description: 'Of mean and std: unit is pixel / 255, raw the pixel itself', fallback: 'unit' }),
});

/** How pictures become the model's input, option by option or from a file. */
export const preprocessingOptions = {
  preprocessing: z.string().optional().meta({
    description: 'YAML file with any of the options from --mean to --scale; flags win over it',
    fallback: 'none',
  }),
  ...definition.shape,
  mean: definition.shape.mean.optional(),
  std: definition.shape.std.optional(),
};

/**
 * @param config what the options, of any origin, came to
 * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`
 */
export async function resolvePreprocessing(
  config: z.infer<z.ZodObject<typeof preprocessingOptions>>,
): Promise<Preprocessing> {
  const { preprocessing: file, ...rest } = config;
  const given = Object.fromEntries(
    Object.entries(rest).filter(
      ([key, value]) => Object.hasOwn(definition.shape, key) && value !== undefined,
    ),
  );
  const preprocessing = await resolveConfig(
    definition,
    file === undefined ? given : { ...given, config: file },
    {},
  );
  checkScale(preprocessing);
  return preprocessing;
}

/** Means of pixel / 255 lie between 0 and 1; others were meant for raw pixels, and would make all pictures alike. */
function checkScale({ scale, mean }: Preprocessing): void {
  const outside = mean.find((value) => value < 0 || value > 1);
  if (scale === 'raw' || outside === undefined) return;
  throw new OfframpError(
    'CONFIG_INVALID',
    `--mean: expected values from 0 to 1, in units of pixel / 255; found ${outside}`,
    { hint: 'Divide mean and std by 255, or say --scale raw if the model takes pixels from 0 to 255.' },
  );
}
