import { basename } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { messageOf } from '@offramp/runtime';
import type { PictureDataset } from '../dataset.js';
import { invalidData, maxDataBytes, readDataFile, readOptionalFile } from './data-file.js';
import { datasetOfArrays, type PictureArray } from './picture-array.js';

const magicOfLabels = 0x0801;
const magicOfPictures = 0x0803;

/** Pictures in the IDX format of MNIST, with the labels from the file beside it, if there is one. */
export async function openIdx(paths: readonly string[]): Promise<PictureDataset> {
  return datasetOfArrays(await Promise.all(paths.map(readPart)), {
    description: `IDX ${paths.map((path) => basename(path)).join(', ')}`,
    classNames: null,
  });
}

async function readPart(path: string): Promise<PictureArray> {
  const pictures = await parseIdx(await readDataFile(path), path, magicOfPictures, 3);
  const [count = 0, height = 0, width = 0] = pictures.dimensions;
  const labelsPath = path.replace(/images([-.])idx3/, 'labels$1idx1');
  const labelBytes = await readOptionalFile(labelsPath);
  const labels = labelBytes && (await parseIdx(labelBytes, labelsPath, magicOfLabels, 1));
  if (labels && labels.dimensions[0] !== count) {
    throw invalidData(
      labelsPath,
      `expected ${count} labels, one per picture of ${basename(path)}; found ${labels.dimensions[0]}`,
    );
  }
  return {
    name: basename(path).replace(/\.gz$/, ''),
    samples: pictures.data,
    count,
    height,
    width,
    channels: 1,
    layout: { start: 0, picture: height * width, row: width, column: 1, channel: 1 },
    labels: labels?.data ?? null,
  };
}

async function parseIdx(file: Buffer, path: string, magic: number, rank: number) {
  let bytes = file;
  if (path.endsWith('.gz')) {
    bytes = await promisify(gunzip)(file, { maxOutputLength: maxDataBytes }).catch((cause: unknown) => {
      throw invalidData(path, `is not valid gzip: ${messageOf(cause)}`, cause);
    });
  }
  const headerBytes = 4 + 4 * rank;
  if (bytes.length < headerBytes)
    throw invalidData(path, `expected an IDX header of ${headerBytes} bytes, found ${bytes.length}`);
  const found = bytes.readUInt32BE(0);
  if (found !== magic)
    throw invalidData(path, `expected IDX magic number ${hex(magic)}, found ${hex(found)}`);
  const dimensions = Array.from({ length: rank }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  if (dimensions.includes(0)) {
    throw invalidData(path, `expected at least one of each dimension, found ${dimensions.join('×')}`);
  }
  const expected = headerBytes + dimensions.reduce((product, dimension) => product * dimension, 1);
  if (bytes.length !== expected) {
    throw invalidData(path, `expected ${expected} bytes for ${dimensions.join('×')}, found ${bytes.length}`);
  }
  return { dimensions, data: bytes.subarray(headerBytes) };
}

const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`;
