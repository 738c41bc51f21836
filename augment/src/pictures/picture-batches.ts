import { describeInput, elementsOf, type InputSpecification } from '@offramp/bundle';
import { type Dataset, normaliserFor, type SampleValues } from '@offramp/data';
import { OfframpError } from '@offramp/runtime';
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
  return batchesOf(new FittedPictures(dataset, input, 0), indices, batchSize, (_, values) => values);
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
  return batchesOf(pictures, drawn, batchSize, varierOf(pictures.input, augmentation, { seed, epoch }));
}

/** Gets a sample's index and values; its result is used before the next call. */
type Varier = (index: number, values: SampleValues) => SampleValues;

/** @throws OfframpError `CONFIG_INVALID` for an augmentation that does not suit the input */
function varierOf(
  input: InputSpecification,
  augmentation: Augmentation,
  at: { seed: number; epoch: number },
): Varier {
  const isAugmented = augmentation.flip || augmentation.crop > 0;
  if (input.kind === 'tensor') {
    if (!isAugmented) return (_, values) => values;
    throw new OfframpError(
      'CONFIG_INVALID',
      `--flip, --crop: expected neither for ${describeInput(input)}; they are for pictures`,
    );
  }
  const augment = pixelAugmenter(augmentation, input.shape);
  if (!isAugmented) return (_, values) => values;
  const augmented = new Uint8Array(elementsOf(input.shape));
  return (index, pixels) => {
    augment(pixels, drawAugmentation(augmentation, { ...at, index }), augmented);
    return augmented;
  };
}

async function* batchesOf(
  pictures: FittedPictures,
  indices: readonly number[],
  batchSize: number,
  vary: Varier,
): AsyncGenerator<PictureBatch> {
  const elements = elementsOf(pictures.input.shape);
  const normalise = normaliserFor(pictures.input);
  const read = async (start: number): Promise<PictureBatch> => {
    const rows = indices.slice(start, start + batchSize);
    const values = new Float32Array(rows.length * elements);
    await Promise.all(
      rows.map(async (index, row) => {
        const sample = await pictures.read(index);
        normalise(vary(index, sample), values, row * elements);
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
