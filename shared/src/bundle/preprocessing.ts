import { z } from 'zod';

/**
 * How a picture gets the size of the input: `stretch` gives it the input's size whatever its aspect ratio;
 * `fit-crop` resizes its shorter side to `resize` and cuts the input's size out of the middle.
 */
export const resizeModes = ['stretch', 'fit-crop'] as const;
export const channelOrders = ['rgb', 'bgr'] as const;
/** What mean and std count in: `unit`, pixel / 255; `raw`, the pixel itself, 0 to 255. */
export const pixelScales = ['unit', 'raw'] as const;

/** The longest side that a picture is resized to. */
export const maxResize = 2 ** 14;

/** How a picture becomes the model's input. What is left out means what bundles meant before they could say it. */
export const preprocessingSchema = z.strictObject({
  /** `stretch` where left out. */
  resizeMode: z.enum(resizeModes).optional(),
  /** With `fit-crop`: the shorter side, in pixels, before the crop; the input's longer side where left out. */
  resize: z.number().int().positive().max(maxResize).optional(),
  /** In which the model takes them; `rgb` where left out. */
  channelOrder: z.enum(channelOrders).optional(),
  /** `unit` where left out. */
  scale: z.enum(pixelScales).optional(),
  /** Per channel, in the model's order and in units of the scale. */
  mean: z.array(z.number()).min(1).max(4),
  std: z.array(z.number().positive()).min(1).max(4),
});

export type Preprocessing = z.infer<typeof preprocessingSchema>;

export interface PreprocessingProblem {
  key: keyof Preprocessing;
  /** What was expected, and found. */
  problem: string;
}

/** What does not go together in a preprocessing and the input it is for, channels × height × width. */
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
      problem: `expected at least ${least}, so that ${height}×${width} can be cut out; found ${resize}`,
    });
  }
  return problems;
}
