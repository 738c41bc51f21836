import type { InputSpecification } from '@offramp/bundle';
import {
  type Dataset,
  openInputs,
  pictureForms,
  type Split,
  tensorForms,
  withoutLabels,
} from '@offramp/data';
import { z } from 'zod';

/** Options for the samples that a command uses. */
export function dataOptions(split: Split) {
  return {
    data: z.string().describe(`Pictures: ${pictureForms}; tensors: ${tensorForms}`),
    split: z
      .enum(['train', 'test'])
      .default(split)
      .describe('Which part of the data, where the folder holds both'),
    unlabelled: z
      .boolean()
      .default(false)
      .describe('Use no labels, also where pictures lie in folders that could be classes'),
  };
}

export type DataConfig = z.infer<z.ZodObject<ReturnType<typeof dataOptions>>>;

/**
 * @param input what samples become
 * @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`
 */
export async function openData(
  { data, split, unlabelled }: DataConfig,
  input: InputSpecification,
): Promise<Dataset> {
  const dataset = await openInputs(data, input, { split });
  return unlabelled ? withoutLabels(dataset) : dataset;
}
