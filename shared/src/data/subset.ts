import type { Dataset } from './dataset.js';

/** Some samples of a data set, in the order named. */
export function subsetOf(dataset: Dataset, indices: readonly number[]): Dataset {
  return {
    description: `${indices.length} of ${dataset.description}`,
    size: indices.length,
    labelled: dataset.labelled,
    classNames: dataset.classNames,
    nameAt: (index) => dataset.nameAt(indices[index] as number),
    labelAt: (index) => dataset.labelAt(indices[index] as number),
    read: (index) => dataset.read(indices[index] as number),
  };
}

/** The same pictures as if nothing were known of their classes. */
export function withoutLabels(dataset: Dataset): Dataset {
  return {
    description: dataset.description,
    size: dataset.size,
    labelled: false,
    classNames: null,
    nameAt: (index) => dataset.nameAt(index),
    labelAt: () => null,
    read: async (index) => ({ ...(await dataset.read(index)), label: null }),
  };
}
