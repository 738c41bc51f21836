import { deflateSync } from 'node:zlib';
import { zipSync } from 'fflate';

/** A `.npy` file's bytes. */
export function npyFile(
  shape: readonly number[],
  descr: string,
  data: Uint8Array,
  { version = 1, fortranOrder = false } = {},
): Buffer {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const order = fortranOrder ? 'True' : 'False';
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${tuple}), }`;
  const lengthBytes = version === 1 ? 2 : 4;
  const header = `${text.padEnd(Math.ceil((text.length + 13) / 64) * 64 - 9 - lengthBytes)}\n`;
  const start = Buffer.alloc(8 + lengthBytes);
  start.write('\x93NUMPY', 'latin1');
  start[6] = version;
  if (version === 1) start.writeUInt16LE(header.length, 8);
  else start.writeUInt32LE(header.length, 8);
  return Buffer.concat([start, Buffer.from(header), data]);
}

/** An `.npz` file's bytes: arrays by name. */
export function npzFile(arrays: Readonly<Record<string, Uint8Array>>): Buffer {
  return Buffer.from(
    zipSync(Object.fromEntries(Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes]))),
  );
}

/** The bytes of numbers, little-endian. */
export function bytesOfNumbers(
  numbers: Float32Array | Float64Array | BigInt64Array | Int32Array,
): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

const dataTypes = { u1: 2, u2: 4, f8: 9 };
const arrayClasses = { u1: 9, u2: 11, f8: 6 };

export interface MatVariable {
  name: string;
  dimensions: readonly number[];
  /** How the numbers are stored. */
  type: keyof typeof dataTypes;
  data: Uint8Array;
  /** The class of the array; that of the stored type by default. */
  arrayClass?: number;
}

/** A MAT-file's bytes, level 5, little-endian. */
export function matFile(variables: readonly MatVariable[], { compress = true } = {}): Buffer {
  const header = Buffer.alloc(128, ' ');
  header.write('MATLAB 5.0 MAT-file, Platform: GLNXA64');
  header.writeUInt16LE(0x0100, 124);
  header.write('IM', 126);
  return Buffer.concat([
    header,
    ...variables.map((variable) => {
      const element = matElement(14, matrixContent(variable));
      if (!compress) return element;
      const deflated = deflateSync(element);
      return Buffer.concat([words(15, deflated.length), deflated]);
    }),
  ]);
}

function matrixContent({ name, dimensions, type, data, arrayClass }: MatVariable): Buffer {
  return Buffer.concat([
    matElement(6, words(arrayClass ?? arrayClasses[type], 0)),
    matElement(5, words(...dimensions)),
    matElement(1, Buffer.from(name)),
    matElement(dataTypes[type], data),
  ]);
}

/** Up to 4 bytes are stored in the tag itself. */
function matElement(type: number, data: Uint8Array): Buffer {
  if (data.length <= 4)
    return Buffer.concat([words((data.length << 16) | type), data, Buffer.alloc(4 - data.length)]);
  return Buffer.concat([words(type, data.length), data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32LE(value >>> 0, 4 * i);
  });
  return bytes;
}
