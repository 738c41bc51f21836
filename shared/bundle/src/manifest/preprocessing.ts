import { z } from 'zod';

/**
 * How a picture is brought to the input's size: `stretch` ignores its aspect ratio; `fit-crop` resizes its shorter side
 * to `resize` and crops the centre.
 */
export const resizeModes = ['stretch', 'fit-crop'] as const;
export const channelOrders = ['rgb', 'bgr'] as const;
/** The unit of mean and std: `unit`, pixel / 255; `raw`, the pixel itself, 0 to 255. */
export const pixelScales = ['unit', 'raw'] as const;

/**
 * What means and deviations of pictures can be, with room to spare. Beyond, inputs would not be finite in float32, or would
 * be the same for all pictures.
 */
export const meanSchema = z.number().min(-1e6).max(1e6);
export const stdSchema = z.number().min(1e-6).max(1e6);

/** The longest side that a picture is resized to. */
export const maxResize = 2 ** 14;

/** How a picture becomes the model's input. */
export const preprocessingSchema = z.strictObject({
  /** Default: `stretch`. */
  resizeMode: z.enum(resizeModes).optional(),
  /** With `fit-crop`: the shorter side before the crop, in pixels. Default: the input's longer side. */
  resize: z.number().int().positive().max(maxResize).optional(),
  /** The model's order. Default: `rgb`. */
  channelOrder: z.enum(channelOrders).optional(),
  /** Default: `unit`. */
  scale: z.enum(pixelScales).optional(),
  /** Per channel, in the model's order and in units of the scale. */
  mean: z.array(meanSchema).min(1).max(4),
  std: z.array(stdSchema).min(1).max(4),
});

export type Preprocessing = z.infer<typeof preprocessingSchema>;

export interface PreprocessingProblem {
  /** A field of the preprocessing. */
  key: string;
  /** What was expected and what was found. */
  problem: string;
}

/** Contradictions between a preprocessing and its input, channels × height × width. */
export function preprocessingProblems(
  preprocessing: Preprocessing,
  [channels, height, width]: readonly [number, number, number],
): PreprocessingProblem[] {
  const { resizeMode = 'stretch', resize, channelOrder } = preprocessing;
  const problems: PreprocessingProblem[] = [];
  for (const key of ['mean', 'std'] as const) {
    const { length } = preprocessing[key];
    if (length === channels) continue;
    const values = `${channels} value${channels === 1 ? '' : 's'}`;
    problems.push({
      key,
      problem: `expected ${values}, one per channel of the model's input; found ${length}`,
    });
  }
  if (channelOrder === 'bgr' && channels !== 3) {
    problems.push({
      key: 'channelOrder',
      problem: `expected rgb for a model of ${channels} channels; found bgr`,
    });
  }
  if (resize !== undefined && resizeMode !== 'fit-crop') {
    problems.push({
      key: 'resize',
      problem: `expected none with ${resizeMode}, only with fit-crop; found ${resize}`,
    });
  }
  const least = Math.max(height, width);
  if (resize !== undefined && resizeMode === 'fit-crop' && resize < least) {
    problems.push({
      key: 'resize',
      problem: `expected at least ${least}, so that ${height}×${width} can be cropped; found ${resize}`,
    });
  }
  return problems;
}
