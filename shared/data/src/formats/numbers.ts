/** How NumPy and MATLAB store a number: unsigned, signed or floating point, and its bytes. */
export type NumberType = 'u1' | 'i1' | 'u2' | 'i2' | 'u4' | 'i4' | 'u8' | 'i8' | 'f4' | 'f8';

const readers: Record<NumberType, (view: DataView, offset: number, littleEndian: boolean) => number> = {
  u1: (view, offset) => view.getUint8(offset),
  i1: (view, offset) => view.getInt8(offset),
  u2: (view, offset, littleEndian) => view.getUint16(offset, littleEndian),
  i2: (view, offset, littleEndian) => view.getInt16(offset, littleEndian),
  u4: (view, offset, littleEndian) => view.getUint32(offset, littleEndian),
  i4: (view, offset, littleEndian) => view.getInt32(offset, littleEndian),
  u8: (view, offset, littleEndian) => Number(view.getBigUint64(offset, littleEndian)),
  i8: (view, offset, littleEndian) => Number(view.getBigInt64(offset, littleEndian)),
  f4: (view, offset, littleEndian) => view.getFloat32(offset, littleEndian),
  f8: (view, offset, littleEndian) => view.getFloat64(offset, littleEndian),
};

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

/** Calls back with each number in order. */
export function forEachNumber(array: NumberArray, visit: (value: number, index: number) => void): void {
  const { type, littleEndian, bytes } = array;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytesOf(type);
  const read = readers[type];
  const count = Math.floor(bytes.byteLength / size);
  for (let i = 0; i < count; i++) visit(read(view, i * size, littleEndian), i);
}
