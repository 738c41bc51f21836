import { Encoding } from '@offramp/contracts';
import { fixedSizeCodec } from './fixed-size-codec.js';

/** The largest finite binary16. */
const maxFloat16 = 65_504;

/**
 * IEEE 754 binary16, little endian, rounded to nearest, ties to even: 11 significant bits. It cannot represent finite
 * values beyond ±65,504.
 */
export const float16 = fixedSizeCodec({
  encoding: Encoding.ENCODING_FLOAT16,
  name: 'float16',
  bytesOf: (elements) => elements * 2,
  encode(values, _, { exact = false }) {
    const table = valuesByHalf();
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const bytes = new Uint8Array(values.length * 2);
    for (let i = 0; i < values.length; i++) {
      const half = halfOf(bits[i] as number, values[i] as number);
      if (half < 0 || (exact && table[half] !== values[i])) return null;
      bytes[2 * i] = half & 0xff;
      bytes[2 * i + 1] = half >>> 8;
    }
    return bytes;
  },
  largest(data) {
    // The bits of magnitudes are in the order of the magnitudes; infinity and NaN come last.
    let most = 0;
    for (let i = 0; i < data.length; i += 2) {
      most = Math.max(most, (data[i] as number) | (((data[i + 1] as number) & 0x7f) << 8));
    }
    return valuesByHalf()[most] as number;
  },
  decode(data, into) {
    const table = valuesByHalf();
    for (let i = 0; i < into.length; i++) {
      into[i] = table[(data[2 * i] as number) | ((data[2 * i + 1] as number) << 8)] as number;
    }
  },
});

/** @returns the bits of the nearest binary16; -1 for a finite value that is too large for one */
function halfOf(bits: number, value: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) return sign | (magnitude === 0x7f800000 ? 0x7c00 : 0x7e00);
  if (Math.abs(value) > maxFloat16) return -1;
  if (magnitude >= 0x38800000) {
    const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
    return sign | ((rounded - 0x38000000) >>> 13);
  }
  // Below 2^-14 binary16 is fixed-point, in steps of 2^-24.
  const steps = Math.abs(value) * 2 ** 24;
  const nearest = Math.round(steps);
  return sign | (nearest - steps === 0.5 && nearest % 2 === 1 ? nearest - 1 : nearest);
}

let halfTable: Float32Array | null = null;

/** Made when it is first needed: 256 KiB. */
function valuesByHalf(): Float32Array {
  halfTable ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >>> 10) & 0x1f;
    const mantissa = half & 0x3ff;
    if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
  });
  return halfTable;
}
