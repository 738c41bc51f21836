import { endianness } from 'node:os';
import { Encoding } from '../wire/messages.js';
import { fixedSizeCodec } from './fixed-size-codec.js';

const littleEndian = endianness() === 'LE';

/** IEEE 754 binary32, little endian. Lossless. */
export const float32 = fixedSizeCodec({
  encoding: Encoding.ENCODING_FLOAT32,
  name: 'float32',
  bytesOf: (elements) => elements * 4,
  encode(values) {
    const bytes = new Uint8Array(values.byteLength);
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    if (!littleEndian) Buffer.from(bytes.buffer).swap32();
    return bytes;
  },
  decode(data, into) {
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    bytes.set(data);
    if (!littleEndian) Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).swap32();
  },
});
