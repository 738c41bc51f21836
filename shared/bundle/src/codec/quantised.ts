import { Encoding } from '@offramp/contracts';
import type { Quantiser } from './activation-codec.js';
import { type FixedSizeCodec, fixedSizeCodec } from './fixed-size-codec.js';
import { type GroupLayout, groupLayout } from './groups.js';
import {
  type CodeRange,
  extentOf,
  readBytes,
  readNibbles,
  writeBytes,
  writeNibbles,
} from './integer-codes.js';
import { carriedElements, type TensorLayout } from './tensor-layout.js';

const maxZeroPoint = 2 ** 15 - 1;
/** Keeps scale × (code − zero point) within binary32. */
const maxMagnitude = 1e38;
const headerBytesPerGroup = 4;

/** 8-bit integers, per channel. Error: half a scale, except for clipped values. */
export const int8 = quantisedCodec(Encoding.ENCODING_INT8, 8);
/** 4-bit integers, per channel, two in a byte. */
export const int4 = quantisedCodec(Encoding.ENCODING_INT4, 4);

/**
 * Affine quantisation: scale and zero point for each group of elements, so that zero stays zero exactly. The layout of
 * the bytes is defined in `proto/offramp/v1/offload.proto`. Cannot represent values that are not finite or beyond ±1e38.
 */
function quantisedCodec(encoding: Encoding, bits: 4 | 8): FixedSizeCodec {
  const highest = 2 ** bits - 1;
  const [write, read] = bits === 8 ? [writeBytes, readBytes] : [writeNibbles, readNibbles];
  const codeBytes = (elements: number) => Math.ceil((elements * bits) / 8);
  const decode = (data: Uint8Array, into: Float32Array, { shape }: TensorLayout) => {
    const layout = groupLayout(shape);
    const { groups } = layout;
    const codes = data.subarray(groups * headerBytesPerGroup);
    for (let group = 0; group < groups; group++) {
      const { scale, zeroPoint } = readScale(data, group, groups);
      read(codes, into, rangeOf(layout, group, scale, zeroPoint));
    }
  };
  return fixedSizeCodec({
    encoding,
    name: `int${bits}`,
    bytesOf: (elements, { shape }) => groupLayout(shape).groups * headerBytesPerGroup + codeBytes(elements),
    encode(values, tensor, quantiser) {
      const layout = groupLayout(tensor.shape);
      const chosen = chooseScales(values, layout, highest, carriedElements(tensor), quantiser);
      if (!chosen) return null;
      const { scaleBits, zeroPoints } = chosen;
      const { groups } = layout;
      const bytes = new Uint8Array(groups * headerBytesPerGroup + codeBytes(layout.elements));
      for (let group = 0; group < groups; group++) {
        writeInt16(bytes, 2 * group, scaleBits[group] as number);
        writeInt16(bytes, 2 * (groups + group), zeroPoints[group] as number);
      }
      const codes = bytes.subarray(groups * headerBytesPerGroup);
      for (let group = 0; group < groups; group++) {
        const scale = scaleOf(scaleBits[group] as number);
        write(values, codes, rangeOf(layout, group, scale, zeroPoints[group] as number));
      }
      return bytes;
    },
    largest(data, { shape }, enough) {
      const { groups, elements } = groupLayout(shape);
      let bound = 0;
      for (let group = 0; group < groups; group++) {
        const { scale, zeroPoint } = readScale(data, group, groups);
        bound = Math.max(bound, Math.abs(scale * zeroPoint), Math.abs(scale * (highest - zeroPoint)));
      }
      if (bound <= enough || elements === 0) return bound;
      const values = new Float32Array(elements);
      decode(data, values, { shape });
      const { low, high, squares } = extentOf(values, 0, elements);
      return Number.isNaN(squares) ? Number.NaN : Math.max(-low, high);
    },
    decode,
  });
}

function readScale(data: Uint8Array, group: number, groups: number): Pick<CodeRange, 'scale' | 'zeroPoint'> {
  return {
    scale: scaleOf(readUint16(data, 2 * group)),
    zeroPoint: (readUint16(data, 2 * (groups + group)) << 16) >> 16,
  };
}

function rangeOf(
  { elements, length }: GroupLayout,
  group: number,
  scale: number,
  zeroPoint: number,
): CodeRange {
  return { start: group * length, end: Math.min(elements, (group + 1) * length), scale, zeroPoint };
}

interface ChosenScales {
  /** Upper halves of binary32. */
  scaleBits: Uint16Array;
  zeroPoints: Int16Array;
}

/**
 * @param carried elements at the end whose groups always have scales of their own
 * @returns `null` if values are not finite or too large
 */
function chooseScales(
  values: Float32Array,
  { elements, groups, length }: GroupLayout,
  highest: number,
  carried: number,
  { step }: Quantiser,
): ChosenScales | null {
  const lows = new Float64Array(groups);
  const highs = new Float64Array(groups);
  const firstCarried = elements - carried;
  let squares = 0;
  for (let group = 0; group < groups; group++) {
    const end = Math.min(elements, (group + 1) * length);
    const { low, high, squares: sum } = extentOf(values, group * length, end);
    // Comparisons miss a NaN; a sum shows it.
    if (!(sum < Number.POSITIVE_INFINITY && low >= -maxMagnitude && high <= maxMagnitude)) return null;
    lows[group] = low;
    highs[group] = high;
    if (end <= firstCarried) squares += sum;
  }
  const common = step === undefined ? 0 : step * Math.sqrt(squares / Math.max(1, firstCarried));
  const scaleBits = new Uint16Array(groups);
  const zeroPoints = new Int16Array(groups);
  for (let group = 0; group < groups; group++) {
    const low = lows[group] as number;
    const high = highs[group] as number;
    const isCarried = Math.min(elements, (group + 1) * length) > firstCarried;
    const own = ownScale(low, high, highest);
    const scale = common > 0 && !isCarried ? common : own;
    // The zero point must reach the values, however small the scale is.
    const least = Math.max(low, -high, 0) / maxZeroPoint;
    const bits = roundUpToBits(Math.max(scale, least));
    scaleBits[group] = bits;
    zeroPoints[group] = zeroPointOf(low, high, scaleOf(bits), highest);
  }
  return { scaleBits, zeroPoints };
}

/** The scale with which the codes span the group's range. A zero point inside the range costs one code for rounding. */
function ownScale(low: number, high: number, highest: number): number {
  return (high - low) / (low === 0 || high === 0 ? highest : highest - 1);
}

function zeroPointOf(low: number, high: number, scale: number, highest: number): number {
  if (scale === 0) return 0;
  const span = scale * highest;
  let start = low;
  // What does not fit is clipped at the end farther from zero.
  if (high - low > span && low < 0) start = high <= 0 ? high - span : low * (span / (high - low));
  return Math.max(-maxZeroPoint, Math.min(maxZeroPoint, Math.round(-start / scale)));
}

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

function scaleOf(bits: number): number {
  floatBits[0] = bits << 16;
  return float[0] as number;
}

/** The upper half of the least binary32 of that precision that is not below `scale`. */
function roundUpToBits(scale: number): number {
  float[0] = scale;
  const bits = floatBits[0] as number;
  return (bits >>> 16) + ((bits & 0xffff) === 0 ? 0 : 1);
}

function writeInt16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = (value >> 8) & 0xff;
}

function readUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}
