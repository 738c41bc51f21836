import { constants, createInflate, inflateSync } from 'node:zlib';
import { messageOf } from '@offramp/runtime';
import { inflateExactly, invalidData, readDataFile } from './data-file.js';
import { bytesOf, type NumberArray, type NumberType } from './numbers.js';

/** A real, numeric array of a MAT-file, in column-major order. */
export interface MatArray {
  name: string;
  dimensions: number[];
  numbers: NumberArray;
}

const headerBytes = 128;
const inflateChunkBytes = 2 ** 20;
/** A file with more variables is not a data set. */
const maxVariables = 1000;

const compressed = 15;
const matrix = 14;
/** Data types of the format that are numbers, by their number in it. */
const numberTypes: Readonly<Record<number, NumberType>> = {
  1: 'i1',
  2: 'u1',
  3: 'i2',
  4: 'u2',
  5: 'i4',
  6: 'u4',
  7: 'f4',
  9: 'f8',
  12: 'i8',
  13: 'u8',
};
/** Array classes that are numeric and full: double, single, and integers of 8 to 64 bits. */
const numericClasses = { first: 6, last: 15 };

/**
 * Reads the numeric arrays of a MAT-file of level 5 (MATLAB 5 to 7.2, `-v7`), compressed or not; skips other
 * variables. The format: "MAT-File Format", The MathWorks.
 * @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`
 */
export async function readMatFile(path: string): Promise<MatArray[]> {
  const bytes = await readDataFile(path);
  const littleEndian = checkHeader(bytes, path);
  const arrays: MatArray[] = [];
  let offset = headerBytes;
  for (let variable = 0; offset < bytes.length; variable++) {
    if (variable === maxVariables) throw invalidData(path, `holds more than ${maxVariables} variables`);
    const element = elementAt(bytes, offset, littleEndian, path);
    offset = element.next;
    const content =
      element.type === compressed ? await inflateElement(element.data, littleEndian, path) : element;
    const array = content.type === matrix ? numericArray(content.data, littleEndian, path) : null;
    if (array) arrays.push(array);
  }
  return arrays;
}

/** @returns whether the file is little-endian */
function checkHeader(bytes: Buffer, path: string): boolean {
  const text = bytes.toString('latin1', 0, 20);
  if (text.startsWith('MATLAB 7.3 MAT-file')) {
    throw invalidData(path, 'expected a MAT-file of level 5, found 7.3 (HDF5); save it with -v7');
  }
  const endian = bytes.toString('latin1', 126, 128);
  if (bytes.length < headerBytes || !text.startsWith('MATLAB 5.0 MAT-file') || !/^(IM|MI)$/.test(endian)) {
    throw invalidData(path, `expected a MAT-file of level 5, found ${JSON.stringify(text)}`);
  }
  return endian === 'IM';
}

interface Element {
  type: number;
  data: Buffer;
  /** Where the next element begins. */
  next: number;
}

function elementAt(bytes: Buffer, offset: number, littleEndian: boolean, path: string): Element {
  const truncated = (expected: number) =>
    invalidData(
      path,
      `is truncated: expected ${expected} bytes at ${offset}, found ${bytes.length - offset}`,
    );
  if (offset + 8 > bytes.length) throw truncated(8);
  const { type, length, small } = tagAt(bytes, offset, littleEndian);
  const start = offset + (small ? 4 : 8);
  const end = start + length;
  if (small ? length > 4 : end > bytes.length) throw truncated(end - offset);
  // All elements except compressed ones are padded to a multiple of 8 bytes.
  const next = small ? offset + 8 : type === compressed ? end : start + Math.ceil(length / 8) * 8;
  return { type, data: bytes.subarray(start, end), next };
}

function tagAt(bytes: Buffer, offset: number, littleEndian: boolean) {
  const word = (at: number) => (littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const first = word(offset);
  const small = first > 0xffff;
  return small
    ? { type: first & 0xffff, length: first >>> 16, small }
    : { type: first, length: word(offset + 4), small };
}

async function inflateElement(data: Buffer, littleEndian: boolean, path: string): Promise<Element> {
  let tag: Buffer;
  try {
    tag = inflateSync(data.subarray(0, 256), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (cause) {
    throw invalidData(path, `cannot be inflated: ${messageOf(cause)}`, cause);
  }
  if (tag.length < 8) throw invalidData(path, `is truncated: expected an element's tag of 8 bytes`);
  const { length } = tagAt(tag, 0, littleEndian);
  const stream = createInflate({ chunkSize: inflateChunkBytes });
  stream.end(data);
  const declared = { bytes: 8 + length, fromBytes: data.length };
  return elementAt(await inflateExactly(stream, declared, path), 0, littleEndian, path);
}

/** @returns `null` for text, cells, structures, sparse and complex arrays */
function numericArray(bytes: Buffer, littleEndian: boolean, path: string): MatArray | null {
  const flags = elementAt(bytes, 0, littleEndian, path);
  const dimensions = elementAt(bytes, flags.next, littleEndian, path);
  const name = elementAt(bytes, dimensions.next, littleEndian, path);
  if (flags.data.length < 8 || dimensions.data.length % 4 !== 0) {
    throw invalidData(path, 'expected array flags of 8 bytes and whole dimensions');
  }
  const flagWord = littleEndian ? flags.data.readUInt32LE(0) : flags.data.readUInt32BE(0);
  const arrayClass = flagWord & 0xff;
  const isComplex = (flagWord & 0x0800) !== 0;
  if (arrayClass < numericClasses.first || arrayClass > numericClasses.last || isComplex) return null;
  const array = {
    name: name.data.toString('latin1'),
    dimensions: Array.from({ length: dimensions.data.length / 4 }, (_, i) =>
      littleEndian ? dimensions.data.readInt32LE(4 * i) : dimensions.data.readInt32BE(4 * i),
    ),
  };
  const values = elementAt(bytes, name.next, littleEndian, path);
  const type = numberTypes[values.type];
  const count = array.dimensions.reduce((product, dimension) => product * dimension, 1);
  if (!type || count * bytesOf(type) !== values.data.length || array.dimensions.some((d) => d < 0)) {
    throw invalidData(
      path,
      `${array.name}: expected ${array.dimensions.join('×')} numbers, found ${values.data.length} bytes of data type ${values.type}`,
    );
  }
  return { ...array, numbers: { type, littleEndian, bytes: values.data } };
}
