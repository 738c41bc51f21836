import type { Split } from '@offramp/shared';
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
  };
}
