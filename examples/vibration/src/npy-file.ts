const magic = '\x93NUMPY\x01\x00';

/** An array as NumPy saves it: a header of ASCII, padded to a multiple of 64 bytes, then the numbers, row-major. */
export function npyFile(shape: readonly number[], type: '<f4' | '|u1', numbers: Uint8Array): Buffer {
  const dictionary = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const start = magic.length + 2;
  const header = `${dictionary.padEnd(Math.ceil((start + dictionary.length + 1) / 64) * 64 - start - 1)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from(magic, 'latin1'), length, Buffer.from(header), numbers]);
}
