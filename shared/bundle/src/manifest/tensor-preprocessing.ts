import { z } from 'zod';
import { formatShape } from '../shape.js';
import type { PreprocessingProblem } from './preprocessing.js';

/** Which dimension of a sample counts its channels. */
export const channelAxes = ['first', 'last'] as const;

/** More channels, or features, than any sensor has. */
const maxChannels = 2 ** 16;
/** Beyond, float32 would lose the sample beside the mean, or not be finite. */
export const tensorMeanSchema = z.number().min(-1e12).max(1e12);
export const tensorStdSchema = z.number().min(1e-12).max(1e12);

/** How the numbers of a tensor become the model's input: (value − mean) / std. */
export const tensorPreprocessingSchema = z.strictObject({
  /** Per channel, or one for all. */
  mean: z.array(tensorMeanSchema).min(1).max(maxChannels),
  std: z.array(tensorStdSchema).min(1).max(maxChannels),
  /** Default: `first`. */
  channelAxis: z.enum(channelAxes).optional(),
});

export type TensorPreprocessing = z.infer<typeof tensorPreprocessingSchema>;

/** Contradictions between a preprocessing and the shape of one sample. */
export function tensorPreprocessingProblems(
  preprocessing: TensorPreprocessing,
  shape: readonly number[],
): PreprocessingProblem[] {
  const { channelAxis = 'first' } = preprocessing;
  const channels = shape.at(channelAxis === 'first' ? 0 : -1) as number;
  return (['mean', 'std'] as const).flatMap((key) => {
    const { length } = preprocessing[key];
    if (length === 1 || length === channels) return [];
    const problem = `expected 1 value, or ${channels}, the ${channelAxis} dimension of ${formatShape(shape)}; found ${length}`;
    return [{ key, problem }];
  });
}
