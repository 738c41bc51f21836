import { endianness } from 'node:os';
import { Encoding } from '@offramp/contracts';
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
  largest: largestFloat32,
  decode(data, into) {
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    bytes.set(data);
    if (!littleEndian) Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).swap32();
  },
});

/** The largest magnitude among little-endian binary32 numbers; not finite where one is not. */
export function largestFloat32(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  // The bits of magnitudes are in the order of the magnitudes; infinity and NaN come last.
  let most = 0;
  for (let at = 0; at < data.byteLength; at += 4)
    most = Math.max(most, view.getUint32(at, true) & 0x7fffffff);
  return new Float32Array(Uint32Array.of(most).buffer)[0] as number;
}
