import { invalidData } from './data-file.js';
import { bytesOf, isNumberType, type NumberArray } from './numbers.js';

/** An array as NumPy stores it. */
export interface NpyArray {
  shape: number[];
  /** Whether the first dimension is the contiguous one (column-major order). */
  fortranOrder: boolean;
  numbers: NumberArray;
}

/** The samples of one array, and their labels. */
export interface NpySamples {
  array: NpyArray;
  /** One per sample, if there are as many. */
  labels: ArrayLike<number> | null;
  /** For the samples' names. */
  name: string;
  /** Names the array in errors. */
  where: string;
}

const magic = Buffer.from('\x93NUMPY', 'latin1');
/** NumPy's own headers are below 10,000 bytes. */
const maxHeaderBytes = 2 ** 16;
const maxDimensions = 32;

/**
 * Reads the format of `.npy` files, versions 1 to 3 (NumPy Enhancement Proposal 1).
 * @param where names the array in errors
 * @throws OfframpError `DATA_INVALID`
 */
export function parseNpy(bytes: Buffer, where: string): NpyArray {
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    const found = bytes.toString('latin1', 0, magic.length);
    throw invalidData(where, `expected the magic string "\\x93NUMPY", found ${JSON.stringify(found)}`);
  }
  const version = bytes[magic.length] ?? 0;
  if (version < 1 || version > 3) throw invalidData(where, `expected version 1 to 3, found ${version}`);
  const start = version === 1 ? 10 : 12;
  if (bytes.length < start)
    throw invalidData(where, `is truncated in its header, after ${bytes.length} bytes`);
  const headerBytes = version === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  if (headerBytes > maxHeaderBytes || start + headerBytes > bytes.length) {
    throw invalidData(
      where,
      `expected a header of at most ${Math.min(maxHeaderBytes, bytes.length - start)} bytes, found ${headerBytes}`,
    );
  }
  const header = bytes.toString('utf8', start, start + headerBytes);
  const { descr, fortranOrder, shape } = parseHeader(header, where);
  const type = descr.slice(1);
  if (!/^[<>|=]/.test(descr) || !isNumberType(type)) {
    throw invalidData(where, `expected integers or floating-point numbers; found ${descr}`);
  }
  const data = bytes.subarray(start + headerBytes);
  const expected = shape.reduce((product, dimension) => product * dimension, bytesOf(type));
  if (data.length !== expected) {
    throw invalidData(
      where,
      `expected ${expected} bytes for ${shape.join('×')} of ${type}, found ${data.length}`,
    );
  }
  return { shape, fortranOrder, numbers: { type, littleEndian: descr[0] !== '>', bytes: data } };
}

/** The header is a Python dictionary with three keys. */
function parseHeader(header: string, where: string) {
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const dimensions = /'shape':\s*\(([\d\s,L]*)\)/.exec(header)?.[1];
  if (descr === undefined || fortran === undefined || dimensions === undefined) {
    throw invalidData(
      where,
      `expected a header with 'descr' (one type), 'fortran_order' and 'shape'; found ${header.slice(0, 200).trim()}`,
    );
  }
  const shape = dimensions
    .split(',')
    .map((dimension) => dimension.trim())
    .filter((dimension) => dimension !== '')
    .map((dimension) => Number.parseInt(dimension, 10));
  if (shape.length > maxDimensions || !shape.every((dimension) => Number.isSafeInteger(dimension))) {
    throw invalidData(
      where,
      `expected at most ${maxDimensions} dimensions below 2^53, found (${dimensions.slice(0, 200)})`,
    );
  }
  return { descr, fortranOrder: fortran === 'True', shape };
}

/** Distance between neighbours along each dimension, in elements. */
export function stridesOf({ shape, fortranOrder }: Pick<NpyArray, 'shape' | 'fortranOrder'>): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = 0; i < shape.length; i++) {
    const axis = fortranOrder ? i : shape.length - 1 - i;
    strides[axis] = stride;
    stride *= shape[axis] as number;
  }
  return strides;
}
