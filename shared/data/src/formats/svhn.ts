import { basename } from 'node:path';
import type { PictureDataset } from '../dataset.js';
import { invalidData } from './data-file.js';
import { type MatArray, readMatFile } from './mat-file.js';
import { forEachNumber } from './numbers.js';
import { datasetOfArrays, type PictureArray } from './picture-array.js';

/**
 * Pictures in the format of the Street View House Numbers (`train_32x32.mat`, `test_32x32.mat`): `X`, 8-bit
 * samples of height × width × channels × pictures, and `y`, one label from 1 to 10 per picture. 10 stands for
 * the digit 0 and becomes label 0. Without `y` the pictures are unlabelled.
 * @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`
 */
export async function openSvhn(paths: readonly string[]): Promise<PictureDataset> {
  return datasetOfArrays(await Promise.all(paths.map(readPart)), {
    description: `SVHN ${paths.map((path) => basename(path)).join(', ')}`,
    classNames: null,
  });
}

async function readPart(path: string): Promise<PictureArray> {
  const arrays = await readMatFile(path);
  const pictures = arrays.find(({ name }) => name === 'X');
  if (!pictures) {
    const found = arrays.map(({ name }) => name).join(', ');
    throw invalidData(path, `expected pictures in an array X, found ${found || 'no numeric array'}`);
  }
  // MATLAB leaves out a last dimension of 1.
  const [height = 0, width = 0, channels = 0, count = 1, ...more] = pictures.dimensions;
  const isSize = height > 0 && width > 0 && count > 0 && more.length === 0;
  if (!isSize || (channels !== 1 && channels !== 3) || pictures.numbers.type !== 'u1') {
    throw invalidData(
      path,
      `X: expected 8-bit samples of height × width × 1 or 3 × pictures; found ${pictures.dimensions.join('×')} of type ${pictures.numbers.type}`,
    );
  }
  const labels = arrays.find(({ name }) => name === 'y');
  return {
    name: basename(path),
    samples: pictures.numbers.bytes,
    count,
    height,
    width,
    channels,
    layout: {
      start: 0,
      picture: height * width * channels,
      row: 1,
      column: height,
      channel: height * width,
    },
    labels: labels ? readLabels(labels, count, path) : null,
  };
}

function readLabels({ dimensions, numbers }: MatArray, count: number, path: string): Uint8Array {
  const length = dimensions.reduce((product, dimension) => product * dimension, 1);
  if (length !== count)
    throw invalidData(path, `y: expected ${count} labels, one per picture; found ${length}`);
  const labels = new Uint8Array(count);
  forEachNumber(numbers, (value, index) => {
    if (!Number.isInteger(value) || value < 1 || value > 10) {
      throw invalidData(path, `y: expected labels from 1 to 10, found ${value} for picture ${index}`);
    }
    labels[index] = value % 10;
  });
  return labels;
}
