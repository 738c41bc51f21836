import { type Dataset, openDataset, type Split, withoutLabels } from '@offramp/data';
import { z } from 'zod';

/** Which pictures a command works on. */
export function dataOptions(split: Split) {
  return {
    data: z
      .string()
      .describe(
        'Pictures: IDX, CIFAR (.bin), SVHN (.mat) or NumPy files (.npz, .npy), images, or one folder of images per class',
      ),
    split: z
      .enum(['train', 'test'])
      .default(split)
      .describe('Which part of the pictures, where the folder holds both'),
    unlabelled: z
      .boolean()
      .default(false)
      .describe('Use no labels, also where the pictures lie in folders that could be classes'),
  };
}

export type DataConfig = z.infer<z.ZodObject<ReturnType<typeof dataOptions>>>;

/**
 * @param channels that pictures from files are decoded to
 * @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`
 */
export async function openData({ data, split, unlabelled }: DataConfig, channels: 1 | 3): Promise<Dataset> {
  const dataset = await openDataset(data, { split, channels });
  return unlabelled ? withoutLabels(dataset) : dataset;
}
