import type { InputSpecification } from '@offramp/bundle';
import { fitPicture } from './pictures/fit-picture.js';
import type { Picture } from './pictures/picture.js';

/** Samples that can be read in any order, any number of times. */
export interface Dataset {
  /** For messages: format and place. */
  readonly description: string;
  readonly size: number;
  readonly labelled: boolean;
  /** Class names by label, if the data carry them. */
  readonly classNames: readonly string[] | null;
  /** The origin of a sample: a path, or a file and an index in it. Does not read it. */
  nameAt(index: number): string;
  /** The label, without decoding the sample. */
  labelAt(index: number): number | null;
  /**
   * A sample in the shape of a model's input, not normalised.
   * @throws OfframpError `IMAGE_INVALID`, `DATA_INVALID`, `CONFIG_INVALID`
   */
  readFitted(index: number, input: InputSpecification): Promise<FittedSample>;
}

interface Sample {
  /** See {@link Dataset.nameAt}. */
  name: string;
  /** Index of its true class, if known. */
  label: number | null;
}

/**
 * What a sample holds before it is normalised: the 8-bit samples of a picture, height × width × channels, red first; or the
 * numbers of a tensor, in the input's shape.
 */
export type SampleValues = Uint8Array | Float32Array;

export interface FittedSample extends Sample {
  values: SampleValues;
  /** The JPEG file that it is made of, if that is small enough to travel as it is. */
  file?: Uint8Array;
}

export interface PictureSample extends Sample {
  picture: Picture;
}

/** Pictures, which need not have the size of any model's input. */
export interface PictureDataset extends Dataset {
  /** @throws OfframpError `IMAGE_INVALID`, `DATA_INVALID` */
  read(index: number): Promise<PictureSample>;
}

/** `readFitted` where pictures need no decoding. */
export function fittedFrom(read: PictureDataset['read']): Dataset['readFitted'] {
  return async (index, input) => {
    const { picture, ...sample } = await read(index);
    return { ...sample, values: (await fitPicture(picture, input)).pixels };
  };
}
