/** How NumPy and MATLAB store a number: unsigned, signed or floating point, and its bytes. */
export type NumberType = 'u1' | 'i1' | 'u2' | 'i2' | 'u4' | 'i4' | 'u8' | 'i8' | 'f2' | 'f4' | 'f8';

type Reader = (view: DataView, offset: number, littleEndian: boolean) => number;

const readers: Record<NumberType, Reader> = {
  u1: (view, offset) => view.getUint8(offset),
  i1: (view, offset) => view.getInt8(offset),
  u2: (view, offset, littleEndian) => view.getUint16(offset, littleEndian),
  i2: (view, offset, littleEndian) => view.getInt16(offset, littleEndian),
  u4: (view, offset, littleEndian) => view.getUint32(offset, littleEndian),
  i4: (view, offset, littleEndian) => view.getInt32(offset, littleEndian),
  u8: (view, offset, littleEndian) => Number(view.getBigUint64(offset, littleEndian)),
  i8: (view, offset, littleEndian) => Number(view.getBigInt64(offset, littleEndian)),
  f2: (view, offset, littleEndian) => halfToNumber(view.getUint16(offset, littleEndian)),
  f4: (view, offset, littleEndian) => view.getFloat32(offset, littleEndian),
  f8: (view, offset, littleEndian) => view.getFloat64(offset, littleEndian),
};

/** IEEE 754 binary16: a sign, five bits of exponent, ten of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function isNumberType(text: string): text is NumberType {
  return Object.hasOwn(readers, text);
}

export const bytesOf = (type: NumberType): number => Number(type[1]);

/** Consecutive numbers in a file. */
export interface NumberArray {
  type: NumberType;
  littleEndian: boolean;
  bytes: Uint8Array;
}

/** Reads the number at a place. */
export function numberReader({ type, littleEndian, bytes }: NumberArray): (index: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytesOf(type);
  const read = readers[type];
  return (index) => read(view, index * size, littleEndian);
}

/** Calls back with each number in order. */
export function forEachNumber(array: NumberArray, visit: (value: number, index: number) => void): void {
  const read = numberReader(array);
  const count = Math.floor(array.bytes.byteLength / bytesOf(array.type));
  for (let i = 0; i < count; i++) visit(read(i), i);
}
