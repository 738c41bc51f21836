import type { Dataset, PictureDataset } from './dataset.js';

/** Some samples of a data set, in the given order. */
export function subsetOf(dataset: PictureDataset, indices: readonly number[]): PictureDataset;
export function subsetOf(dataset: Dataset, indices: readonly number[]): Dataset;
export function subsetOf(dataset: Dataset | PictureDataset, indices: readonly number[]): Dataset {
  const at = (index: number) => indices[index] as number;
  return {
    description: `${indices.length} of ${dataset.description}`,
    size: indices.length,
    labelled: dataset.labelled,
    classNames: dataset.classNames,
    nameAt: (index) => dataset.nameAt(at(index)),
    labelAt: (index) => dataset.labelAt(at(index)),
    readFitted: (index, input) => dataset.readFitted(at(index), input),
    ...('read' in dataset ? { read: (index: number) => dataset.read(at(index)) } : {}),
  };
}

/** The same samples, unlabelled. */
export function withoutLabels(dataset: Dataset): Dataset {
  return {
    description: dataset.description,
    size: dataset.size,
    labelled: false,
    classNames: null,
    nameAt: (index) => dataset.nameAt(index),
    labelAt: () => null,
    readFitted: async (index, input) => ({ ...(await dataset.readFitted(index, input)), label: null }),
  };
}
