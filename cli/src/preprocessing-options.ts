import { type BackboneProfile, type InputPreprocessing, usualPreprocessing } from '@offramp/augment';
import {
  channelOrders,
  maxResize,
  meanSchema,
  type Preprocessing,
  pixelScales,
  resizeModes,
  stdSchema,
  tensorMeanSchema,
  tensorStdSchema,
} from '@offramp/bundle';
import { defineConfig, OfframpError, resolveConfig } from '@offramp/runtime';
import { z } from 'zod';

const described = {
  mean: "Per channel, in the model's order: the means that the model was trained with; of pictures, of pixel / 255. Needed, here or in the file, for pictures that the model does not take as bytes",
  std: "Per channel, in the model's order: the deviations that the model was trained with; of pictures, of pixel / 255. Needed with --mean",
};

const pictureOptions = {
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
    .meta({ description: "Order of the model's channels", fallback: 'rgb' }),
  scale: z
    .enum(pixelScales)
    .optional()
    .meta({ description: 'Of mean and std: unit is pixel / 255, raw the pixel itself', fallback: 'unit' }),
};

/** How samples become the model's input, option by option or from a file. */
export const preprocessingOptions = {
  preprocessing: z.string().optional().meta({
    description: 'YAML file with any of the options from --mean to --scale; flags win over it',
    fallback: 'none',
  }),
  mean: z.array(tensorMeanSchema).optional().describe(described.mean),
  std: z.array(tensorStdSchema).optional().describe(described.std),
  ...pictureOptions,
};

type Kind = BackboneProfile['input']['kind'];

/** Schema of the file that `--preprocessing` names. */
const definitionFor = (kind: Kind) =>
  defineConfig('augment', {
    mean: z.array(kind === 'tensor' ? tensorMeanSchema : meanSchema).optional(),
    std: z.array(kind === 'tensor' ? tensorStdSchema : stdSchema).optional(),
    ...pictureOptions,
  });

/**
 * @param config resolved options
 * @param input of the model
 * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`
 */
export async function resolvePreprocessing(
  config: z.infer<z.ZodObject<typeof preprocessingOptions>>,
  input: BackboneProfile['input'],
): Promise<InputPreprocessing> {
  const { preprocessing: file, ...rest } = config;
  const definition = definitionFor(input.kind);
  const given = withValues(rest, Object.keys(definition.shape));
  const resolved = await resolveConfig(
    definition,
    file === undefined ? given : { ...given, config: file },
    {},
  );
  const { mean, std, ...others } = withValues(resolved, Object.keys(definition.shape)) as typeof resolved;
  if (!mean && !std) {
    const usual = usualPreprocessing(input);
    if (usual) return { ...usual, ...others };
    if (input.kind === 'tensor' && Object.keys(others).length === 0) return null;
  }
  if (!mean || !std) {
    throw new OfframpError('CONFIG_INVALID', `--${mean ? 'std' : 'mean'}: expected a value; found nothing`);
  }
  const preprocessing = { mean, std, ...others };
  if (input.kind === 'picture') checkScale(preprocessing);
  return preprocessing;
}

function withValues(options: Readonly<Record<string, unknown>>, keys: readonly string[]) {
  return Object.fromEntries(
    Object.entries(options).filter(([key, value]) => keys.includes(key) && value !== undefined),
  );
}

/** Means of pixel / 255 are between 0 and 1. Others are meant for raw pixels, and would make all pictures look alike. */
function checkScale({ scale, mean }: Preprocessing): void {
  const outside = mean.find((value) => value < 0 || value > 1);
  if (scale === 'raw' || outside === undefined) return;
  throw new OfframpError(
    'CONFIG_INVALID',
    `--mean: expected values from 0 to 1, in units of pixel / 255; found ${outside}`,
    { hint: 'Divide mean and std by 255, or say --scale raw if the model takes pixels from 0 to 255.' },
  );
}
