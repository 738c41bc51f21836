import type { InputSpecification, TensorInput } from '@offramp/bundle';
import { type Dataset, fittedFrom, type PictureDataset, preprocess } from '@offramp/data';
import { OfframpError } from '@offramp/runtime';
import { describe, expect, it } from 'vitest';
import { drawAugmentation, pixelAugmenter } from './augmentation.js';
import { FittedPictures } from './fitted-pictures.js';
import { epochBatches, type PictureBatch, pictureBatches } from './picture-batches.js';

const input: InputSpecification = {
  shape: [3, 2, 2],
  preprocessing: { mean: [0, 0.5, 1], std: [1, 0.5, 0.25] },
};
const pictureBytes = 12;

/** Counts how often each picture is read. */
class CountedPictures implements PictureDataset {
  readonly description = 'counted';
  readonly labelled = false;
  readonly classNames = null;
  readonly reads: number[];
  readonly readFitted = fittedFrom((index) => this.read(index));

  constructor(
    readonly size: number,
    private readonly broken: number | null = null,
  ) {
    this.reads = new Array<number>(size).fill(0);
  }

  nameAt(index: number): string {
    return String(index);
  }

  labelAt(): null {
    return null;
  }

  async read(index: number) {
    this.reads[index] = (this.reads[index] ?? 0) + 1;
    if (index === this.broken) throw new OfframpError('IMAGE_INVALID', `picture ${index}`);
    const picture = { pixels: pixelsOf(index), height: 2, width: 2, channels: 3 as const };
    return { name: String(index), label: null, picture };
  }
}

const pixelsOf = (index: number) =>
  Uint8Array.from({ length: pictureBytes }, (_, i) => (index * 20 + i) % 256);
const valuesOf = (pixels: Uint8Array) => preprocess({ pixels, height: 2, width: 2, channels: 3 }, input);
const counting = (size: number) => Array.from({ length: size }, (_, i) => i);

async function all(batches: AsyncIterable<PictureBatch>): Promise<PictureBatch[]> {
  const list: PictureBatch[] = [];
  for await (const batch of batches) list.push(batch);
  return list;
}

describe('pictureBatches', () => {
  it('reads the named pictures in order, the last batch shorter', async () => {
    const batches = await all(pictureBatches(new CountedPictures(9), [8, 1, 3, 1, 0], input, 2));
    expect(batches.map(({ indices }) => indices)).toEqual([[8, 1], [3, 1], [0]]);
    const second = batches[1]?.input;
    expect([...(second?.subarray(0, 12) ?? [])]).toEqual([...(await valuesOf(pixelsOf(3)))]);
    expect([...(second?.subarray(12) ?? [])]).toEqual([...(await valuesOf(pixelsOf(1)))]);
  });

  it('gives no batches without pictures', async () => {
    expect(await all(pictureBatches(new CountedPictures(1), [], input, 2))).toEqual([]);
  });

  it('fails at a broken picture, after the batches before it', async () => {
    const seen: number[][] = [];
    const reading = async () => {
      for await (const { indices } of pictureBatches(new CountedPictures(5, 3), counting(5), input, 2)) {
        seen.push(indices);
      }
    };
    await expect(reading()).rejects.toMatchObject({ code: 'IMAGE_INVALID', message: 'picture 3' });
    expect(seen).toEqual([[0, 1]]);
  });
});

describe('epochBatches', () => {
  const size = 20;
  const indices = counting(size).map((i) => size - i - 1);
  const epoch = (number: number, more = {}) =>
    all(
      epochBatches(new FittedPictures(new CountedPictures(size), input), indices, {
        ...{ seed: 5, epoch: number, batchSize: 6 },
        ...more,
      }),
    );
  const orderOf = (batches: PictureBatch[]) => batches.flatMap((batch) => batch.indices);

  it('gives every picture once, in a different order each epoch', async () => {
    const orders = [orderOf(await epoch(0)), orderOf(await epoch(1)), orderOf(await epoch(0, { seed: 6 }))];
    for (const order of orders) expect(order.toSorted((a, b) => a - b)).toEqual(counting(size));
    expect(new Set([...orders, indices].map(String)).size).toBe(4);
    expect((await epoch(0)).map((batch) => batch.indices.length)).toEqual([6, 6, 6, 2]);
  });

  it('augments each picture by its index and the epoch, then preprocesses it', async () => {
    const augmentation = { flip: true, crop: 1 };
    const augment = pixelAugmenter(augmentation, input.shape);
    for (const number of [0, 1]) {
      for (const batch of await epoch(number, { augmentation })) {
        for (const [row, index] of batch.indices.entries()) {
          const pixels = new Uint8Array(pictureBytes);
          augment(pixelsOf(index), drawAugmentation(augmentation, { seed: 5, epoch: number, index }), pixels);
          expect([...batch.input.subarray(row * 12, (row + 1) * 12)]).toEqual([...(await valuesOf(pixels))]);
        }
      }
    }
  });

  it('resumes from any batch with the same result', async () => {
    const augmentation = { flip: true, crop: 1 };
    const whole = await epoch(3, { augmentation });
    for (const firstBatch of [0, 1, 3, 4]) {
      expect(await epoch(3, { augmentation, firstBatch })).toEqual(whole.slice(firstBatch));
    }
  });

  it('does not augment by default', async () => {
    const [batch] = await epoch(0);
    const first = batch?.indices[0] as number;
    expect([...(batch?.input.subarray(0, 12) ?? [])]).toEqual([...(await valuesOf(pixelsOf(first)))]);
  });
});

describe('FittedPictures', () => {
  const readTwice = async (maxCacheBytes: number) => {
    const dataset = new CountedPictures(5);
    const pictures = new FittedPictures(dataset, input, maxCacheBytes);
    for (const _ of [1, 2]) {
      for (const index of counting(5))
        expect([...(await pictures.read(index))]).toEqual([...pixelsOf(index)]);
    }
    return { reads: dataset.reads, cachedBytes: pictures.cachedBytes };
  };

  it('reads each picture once if there is room', async () => {
    expect(await readTwice(1000)).toEqual({ reads: [1, 1, 1, 1, 1], cachedBytes: 5 * pictureBytes });
  });

  it('keeps the first pictures, up to the bound', async () => {
    expect(await readTwice(3 * pictureBytes - 1)).toEqual({
      reads: [1, 1, 2, 2, 2],
      cachedBytes: 2 * pictureBytes,
    });
    expect(await readTwice(0)).toEqual({ reads: [2, 2, 2, 2, 2], cachedBytes: 0 });
  });

  it('keeps a picture once when two reads overlap', async () => {
    const pictures = new FittedPictures(new CountedPictures(3), input, 1000);
    await Promise.all([pictures.read(1), pictures.read(1)]);
    expect(pictures.cachedBytes).toBe(pictureBytes);
  });

  it('keeps pictures in several slabs', async () => {
    const large: InputSpecification = {
      shape: [1, 2048, 3072],
      preprocessing: { mean: [0], std: [1] },
    };
    const read = async (index: number) => ({
      ...{ name: String(index), label: null },
      picture: {
        ...{ height: 2048, width: 3072, channels: 1 as const },
        pixels: new Uint8Array(2048 * 3072).fill(index + 1),
      },
    });
    const plain: PictureDataset = {
      ...{ description: 'plain', size: 4, labelled: false, classNames: null },
      ...{ nameAt: String, labelAt: () => null, read, readFitted: fittedFrom(read) },
    };
    const pictures = new FittedPictures(plain, large);
    for (const index of counting(4)) await pictures.read(index);
    for (const index of counting(4)) {
      const pixels = await pictures.read(index);
      expect(pixels).toHaveLength(2048 * 3072);
      expect([pixels[0], pixels.at(-1)]).toEqual([index + 1, index + 1]);
    }
    expect(pictures.cachedBytes).toBe(4 * 2048 * 3072);
  });
});

describe('batches of tensors', () => {
  const tensors: TensorInput = {
    ...{ kind: 'tensor', shape: [2, 3] },
    preprocessing: { mean: [100], std: [2] },
  };
  const valuesOf = (index: number) => Float32Array.from({ length: 6 }, (_, i) => 1000 * index - i);
  const reads: number[] = [];
  const dataset: Dataset = {
    ...{ description: 'tensors', size: 3, labelled: false, classNames: null },
    ...{ nameAt: String, labelAt: () => null },
    readFitted: async (index) => {
      reads.push(index);
      return { name: String(index), label: null, values: valuesOf(index) };
    },
  };

  it('keep numbers of any range in memory, and normalise them', async () => {
    const kept = new FittedPictures(dataset, tensors);
    const options = { seed: 1, epoch: 0, batchSize: 2 };
    const epochs = [
      await all(epochBatches(kept, [0, 1, 2], options)),
      await all(epochBatches(kept, [0, 1, 2], options)),
    ];
    expect(epochs[0]).toEqual(epochs[1]);
    expect(reads.sort()).toEqual([0, 1, 2]);
    expect(kept.cachedBytes).toBe(3 * 6 * 4);
    const [first] = epochs[0] as PictureBatch[];
    expect([...(first?.input ?? [])]).toEqual(
      first?.indices.flatMap((index) => [...valuesOf(index)].map((value) => (value - 100) / 2)),
    );
  });

  it.each([
    { flip: true, crop: 0 },
    { flip: false, crop: 2 },
  ])('are not augmented: %j', async (augmentation) => {
    const kept = new FittedPictures(dataset, tensors);
    expect(() => epochBatches(kept, [0], { seed: 1, epoch: 0, batchSize: 1, augmentation })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('expected neither for a tensor of 2×3'),
      }),
    );
  });
});
