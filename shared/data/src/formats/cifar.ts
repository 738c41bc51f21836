import { basename, dirname, join } from 'node:path';
import type { PictureDataset } from '../dataset.js';
import { invalidData, readDataFile, readOptionalFile } from './data-file.js';
import { datasetOfArrays, type PictureArray } from './picture-array.js';

const side = 32;
const area = side * side;

/**
 * CIFAR-10 (`data_batch_1.bin` … `test_batch.bin`) and CIFAR-100 (`train.bin`, `test.bin`; fine labels)
 * in their binary form: one or two label bytes, then 32×32 red, green and blue planes.
 */
export async function openCifar(paths: readonly string[]): Promise<PictureDataset> {
  return datasetOfArrays(await Promise.all(paths.map(readBatch)), {
    description: `CIFAR ${paths.map((path) => basename(path)).join(', ')}`,
    classNames: await readClassNames(dirname(paths[0] ?? '.')),
  });
}

async function readBatch(path: string): Promise<PictureArray> {
  const samples = await readDataFile(path);
  // CIFAR-100 files are named train.bin and test.bin and carry a coarse label before the fine one.
  const classes = /^(train|test)\.bin$/.test(basename(path)) ? [20, 100] : [10];
  const recordBytes = classes.length + 3 * area;
  const count = samples.length / recordBytes;
  if (!Number.isInteger(count) || count === 0) {
    throw invalidData(
      path,
      `expected a multiple of ${recordBytes} bytes (CIFAR records), found ${samples.length} bytes`,
    );
  }
  const labels = new Uint8Array(count);
  for (let row = 0; row < count; row++) {
    for (const [position, limit] of classes.entries()) {
      const label = samples[row * recordBytes + position] as number;
      if (label >= limit) {
        throw invalidData(
          path,
          `expected labels below ${limit} (CIFAR records), found ${label} in record ${row}`,
        );
      }
      labels[row] = label;
    }
  }
  return {
    name: basename(path),
    samples,
    count,
    height: side,
    width: side,
    channels: 3,
    layout: { start: classes.length, picture: recordBytes, row: side, column: 1, channel: area },
    labels,
  };
}

async function readClassNames(directory: string): Promise<string[] | null> {
  for (const file of ['batches.meta.txt', 'fine_label_names.txt']) {
    const text = await readOptionalFile(join(directory, file));
    if (text?.length)
      return text
        .toString('utf8')
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean);
  }
  return null;
}
