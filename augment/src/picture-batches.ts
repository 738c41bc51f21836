import { type Dataset, elementsOf, type InputSpecification, preprocess } from '@offramp/shared';

/** Preprocessed pictures, one after the other. */
export interface PictureBatch {
  /** Indices into the data set. */
  indices: number[];
  /** `indices.length` × elements of the input's shape. */
  input: Float32Array;
}

/** Reads and preprocesses the named pictures of a data set, `batchSize` at a time, in order. */
export async function* pictureBatches(
  dataset: Dataset,
  indices: readonly number[],
  input: InputSpecification,
  batchSize: number,
): AsyncGenerator<PictureBatch> {
  const elements = elementsOf(input.shape);
  const read = async (start: number): Promise<PictureBatch> => {
    const rows = indices.slice(start, start + batchSize);
    const values = new Float32Array(rows.length * elements);
    await Promise.all(
      rows.map(async (index, row) => {
        const { picture } = await dataset.read(index);
        values.set(await preprocess(picture, input), row * elements);
      }),
    );
    return { indices: rows, input: values };
  };
  let next = read(0);
  for (let start = 0; start < indices.length; start += batchSize) {
    const batch = await next;
    // One batch ahead, so that decoding and inference overlap.
    next = start + batchSize < indices.length ? read(start + batchSize) : next;
    next.catch(() => undefined); // It is awaited, and so reported, in the next round.
    yield batch;
  }
}
