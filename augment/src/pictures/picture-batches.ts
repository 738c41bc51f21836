import { elementsOf, type InputSpecification } from '@offramp/bundle';
import { type Dataset, pixelNormaliser } from '@offramp/data';
import { combineSeeds, seededPermutation } from '../support/random.js';
import { type Augmentation, drawAugmentation, noAugmentation, pixelAugmenter } from './augmentation.js';
import { FittedPictures } from './fitted-pictures.js';

/** Preprocessed pictures, one after the other. */
export interface PictureBatch {
  /** Indices into the data set. */
  indices: number[];
  /** `indices.length` × elements of the input's shape. */
  input: Float32Array;
}

/** Reads and preprocesses the named pictures of a data set, `batchSize` at a time, in order. */
export function pictureBatches(
  dataset: Dataset,
  indices: readonly number[],
  input: InputSpecification,
  batchSize: number,
): AsyncGenerator<PictureBatch> {
  return batchesOf(new FittedPictures(dataset, input, 0), indices, batchSize, (_, pixels) => pixels);
}

/** One pass over training pictures. */
export interface EpochOptions {
  seed: number;
  /** Its number, which determines order and augmentation together with the seed. */
  epoch: number;
  augmentation?: Augmentation;
  batchSize: number;
  /** The first batch, to resume an interrupted pass; default 0. */
  firstBatch?: number;
}

/**
 * The named pictures once, in a new order each epoch, augmented and preprocessed. The same seed, epoch and
 * indices give the same batches from any start.
 * @throws OfframpError `IMAGE_INVALID`, `DATA_INVALID`, `CONFIG_INVALID`
 */
export function epochBatches(
  pictures: FittedPictures,
  indices: readonly number[],
  { seed, epoch, augmentation = noAugmentation, batchSize, firstBatch = 0 }: EpochOptions,
): AsyncGenerator<PictureBatch> {
  const order = seededPermutation(indices.length, combineSeeds(seed, epoch));
  const drawn = Array.from(order.subarray(firstBatch * batchSize), (position) => indices[position] as number);
  const augment = pixelAugmenter(augmentation, pictures.input.shape);
  const augmented = new Uint8Array(elementsOf(pictures.input.shape));
  const isAugmented = augmentation.flip || augmentation.crop > 0;
  return batchesOf(pictures, drawn, batchSize, (index, pixels) => {
    if (!isAugmented) return pixels;
    augment(pixels, drawAugmentation(augmentation, { seed, epoch, index }), augmented);
    return augmented;
  });
}

/** @param vary gets a picture's index and pixels; its result is used before the next call */
async function* batchesOf(
  pictures: FittedPictures,
  indices: readonly number[],
  batchSize: number,
  vary: (index: number, pixels: Uint8Array) => Uint8Array,
): AsyncGenerator<PictureBatch> {
  const elements = elementsOf(pictures.input.shape);
  const normalise = pixelNormaliser(pictures.input);
  const read = async (start: number): Promise<PictureBatch> => {
    const rows = indices.slice(start, start + batchSize);
    const values = new Float32Array(rows.length * elements);
    await Promise.all(
      rows.map(async (index, row) => {
        const pixels = await pictures.read(index);
        normalise(vary(index, pixels), values, row * elements);
      }),
    );
    return { indices: rows, input: values };
  };
  let next = read(0);
  next.catch(() => undefined);
  for (let start = 0; start < indices.length; start += batchSize) {
    const batch = await next;
    // One batch ahead, so that decoding and inference overlap.
    next = start + batchSize < indices.length ? read(start + batchSize) : next;
    next.catch(() => undefined); // It is awaited, and its error reported, in the next iteration.
    yield batch;
  }
}
