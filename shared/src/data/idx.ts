import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { messageOf, OfframpError } from '../errors.js';
import type { Dataset } from './dataset.js';

const maxIdxBytes = 2 ** 31 - 1;
const magicOfLabels = 0x0801;
const magicOfPictures = 0x0803;

/** Pictures in the IDX format of MNIST, with the labels from the file beside it, where there is one. */
export async function openIdx(paths: readonly string[]): Promise<Dataset> {
  const parts = await Promise.all(paths.map(readPart));
  const offsets: { part: (typeof parts)[number]; index: number }[] = parts.flatMap((part) =>
    Array.from({ length: part.count }, (_, index) => ({ part, index })),
  );
  const at = (index: number) => {
    const found = offsets[index];
    if (!found) throw new OfframpError('INTERNAL', `sample ${index} of ${offsets.length}`);
    return found;
  };
  const nameAt = (index: number) => {
    const { part, index: row } = at(index);
    return `${part.name}:${row}`;
  };
  const labelAt = (index: number) => {
    const { part, index: row } = at(index);
    return part.labels?.[row] ?? null;
  };
  return {
    description: `IDX ${paths.map((path) => basename(path)).join(', ')} (${offsets.length} pictures)`,
    size: offsets.length,
    labelled: parts.every((part) => part.labels !== null),
    classNames: null,
    nameAt,
    labelAt,
    async read(index) {
      const { part, index: row } = at(index);
      const area = part.height * part.width;
      return {
        name: nameAt(index),
        label: labelAt(index),
        picture: {
          pixels: part.pixels.subarray(row * area, (row + 1) * area),
          height: part.height,
          width: part.width,
          channels: 1,
        },
      };
    },
  };
}

async function readPart(path: string) {
  const pictures = await readIdxFile(path, magicOfPictures, 3);
  const [count = 0, height = 0, width = 0] = pictures.dimensions;
  const labelsPath = path.replace(/images([-.])idx3/, 'labels$1idx1');
  const labels = await readIdxFile(labelsPath, magicOfLabels, 1).catch((error: unknown) => {
    if (error instanceof OfframpError && error.code === 'DATA_NOT_FOUND') return null;
    throw error;
  });
  if (labels && labels.dimensions[0] !== count) {
    throw new OfframpError(
      'DATA_INVALID',
      `${labelsPath}: expected ${count} labels, one per picture of ${basename(path)}; found ${labels.dimensions[0]}`,
    );
  }
  const name = basename(path).replace(/\.gz$/, '');
  return { name, count, height, width, pixels: pictures.data, labels: labels?.data ?? null };
}

async function readIdxFile(path: string, magic: number, rank: number) {
  const invalid = (problem: string, cause?: unknown) =>
    new OfframpError('DATA_INVALID', `${path}: ${problem}`, { cause });
  let bytes = await readFile(path).catch((cause: unknown) => {
    throw new OfframpError('DATA_NOT_FOUND', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  if (path.endsWith('.gz')) {
    bytes = await promisify(gunzip)(bytes, { maxOutputLength: maxIdxBytes }).catch((cause: unknown) => {
      throw invalid(`is not valid gzip: ${messageOf(cause)}`, cause);
    });
  }
  const headerBytes = 4 + 4 * rank;
  if (bytes.length < headerBytes)
    throw invalid(`expected an IDX header of ${headerBytes} bytes, found ${bytes.length}`);
  const found = bytes.readUInt32BE(0);
  if (found !== magic) throw invalid(`expected IDX magic number ${hex(magic)}, found ${hex(found)}`);
  const dimensions = Array.from({ length: rank }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  if (dimensions.includes(0)) {
    throw invalid(`expected at least one of each dimension, found ${dimensions.join('×')}`);
  }
  const expected = headerBytes + dimensions.reduce((product, dimension) => product * dimension, 1);
  if (bytes.length !== expected) {
    throw invalid(`expected ${expected} bytes for ${dimensions.join('×')}, found ${bytes.length}`);
  }
  return { dimensions, data: bytes.subarray(headerBytes) };
}

const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`;
