import type { Dataset } from './dataset.js';

/** Some samples of a data set, in the given order. */
export function subsetOf(dataset: Dataset, indices: readonly number[]): Dataset {
  return {
    description: `${indices.length} of ${dataset.description}`,
    size: indices.length,
    labelled: dataset.labelled,
    classNames: dataset.classNames,
    nameAt: (index) => dataset.nameAt(indices[index] as number),
    labelAt: (index) => dataset.labelAt(indices[index] as number),
    read: (index) => dataset.read(indices[index] as number),
    readFitted: (index, input) => dataset.readFitted(indices[index] as number, input),
  };
}

/** The same pictures, unlabelled. */
export function withoutLabels(dataset: Dataset): Dataset {
  return {
    description: dataset.description,
    size: dataset.size,
    labelled: false,
    classNames: null,
    nameAt: (index) => dataset.nameAt(index),
    labelAt: () => null,
    read: async (index) => ({ ...(await dataset.read(index)), label: null }),
    readFitted: async (index, input) => ({ ...(await dataset.readFitted(index, input)), label: null }),
  };
}
