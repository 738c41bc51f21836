import { OfframpError } from '@offramp/runtime';
import type { Dataset } from '../dataset.js';

/** Samples of one shape in one array in memory. */
export interface SampleArray {
  /** The name of the file or of the array in it; sample names begin with it. */
  name: string;
  count: number;
  /** One per sample. */
  labels: ArrayLike<number> | null;
}

export interface AboutArrays {
  /** Format and place. */
  description: string;
  classNames: readonly string[] | null;
}

export interface ArraySamples<Kind> {
  /** What is known without reading a sample. */
  facts: Omit<Dataset, 'readFitted'>;
  /** The array that a sample is in, and its place there. */
  at(index: number): { array: Kind; row: number };
}

/** The samples of several arrays, one array after the other. @param what they are, for messages */
export function samplesOf<Kind extends SampleArray>(
  arrays: readonly Kind[],
  { description, classNames, what }: AboutArrays & { what: string },
): ArraySamples<Kind> {
  const size = arrays.reduce((sum, { count }) => sum + count, 0);
  const at = (index: number) => {
    let row = index;
    for (const array of arrays) {
      if (row >= 0 && row < array.count) return { array, row };
      row -= array.count;
    }
    throw new OfframpError('INTERNAL', `sample ${index} of ${size}`);
  };
  const facts = {
    description: `${description} (${size} ${what})`,
    size,
    labelled: arrays.every(({ labels }) => labels !== null),
    classNames,
    nameAt(index: number) {
      const { array, row } = at(index);
      return `${array.name}:${row}`;
    },
    labelAt(index: number) {
      const { array, row } = at(index);
      return array.labels?.[row] ?? null;
    },
  };
  return { facts, at };
}
