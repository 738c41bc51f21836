import type { InputSpecification } from '@offramp/bundle';
import { fitPicture } from './pictures/fit-picture.js';
import type { Picture } from './pictures/picture.js';

export interface DatasetSample {
  /** See {@link Dataset.nameAt}. */
  name: string;
  picture: Picture;
  /** Index of its true class, if known. */
  label: number | null;
}

/** Pictures that can be read in any order, any number of times. */
export interface Dataset {
  /** For messages: format and place. */
  readonly description: string;
  readonly size: number;
  readonly labelled: boolean;
  /** Class names by label, if the data carry them. */
  readonly classNames: readonly string[] | null;
  /** The origin of a sample: a path, or a file and an index in it. Does not read it. */
  nameAt(index: number): string;
  /** The label, without decoding the picture. */
  labelAt(index: number): number | null;
  /** @throws OfframpError `IMAGE_INVALID`, `DATA_INVALID` */
  read(index: number): Promise<DatasetSample>;
  /**
   * The same, its picture fitted to a model's input.
   * @throws OfframpError `IMAGE_INVALID`, `DATA_INVALID`, `CONFIG_INVALID`
   */
  readFitted(index: number, input: InputSpecification): Promise<DatasetSample>;
}

/** `readFitted` where pictures need no decoding. */
export function fittedFrom(read: Dataset['read']): Dataset['readFitted'] {
  return async (index, input) => {
    const sample = await read(index);
    return { ...sample, picture: await fitPicture(sample.picture, input) };
  };
}
