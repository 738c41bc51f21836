import { Encoding } from '@offramp/contracts';
import type { Integer8Precision } from '../manifest/manifest.js';
import { fixedSizeCodec } from './fixed-size-codec.js';
import { float32, largestFloat32 } from './float32.js';
import { carriedElements, type TensorLayout } from './tensor-layout.js';

/**
 * An activation that the model itself quantises to 8 bits, as the model's own integers: exact, and a quarter of float32's
 * size. Rows that carry an answer stay float32. Cannot represent values that the model's scale and zero point do not give.
 */
export const model8 = fixedSizeCodec({
  encoding: Encoding.ENCODING_MODEL8,
  name: 'model8',
  bytesOf: (elements, layout) => elements + 3 * carriedElements(layout),
  encode(values, layout) {
    const quantised = quantisedBy(layout);
    if (!quantised) return null;
    const { scale, zeroPoint } = quantised;
    const table = valuesOf(quantised);
    const count = values.length - carriedElements(layout);
    const carried = values.subarray(count);
    const data = new Uint8Array(count + carried.byteLength);
    for (let i = 0; i < count; i++) {
      const code = Math.round((values[i] as number) / scale) + zeroPoint;
      if (table[code] !== values[i]) return null;
      data[i] = code;
    }
    if (carried.length > 0) data.set(float32.encode(carried, { shape: [carried.length] })?.data ?? [], count);
    return data;
  },
  largest(data, layout) {
    const table = valuesOf(quantisedBy(layout));
    const count = data.length - 4 * carriedElements(layout);
    let [low, high] = [255, 0];
    for (let i = 0; i < count; i++) {
      const code = data[i] as number;
      if (code < low) low = code;
      if (code > high) high = code;
    }
    const ownMost = count > 0 ? Math.max(Math.abs(table[low] as number), Math.abs(table[high] as number)) : 0;
    const carriedMost = largestFloat32(data.subarray(count));
    return Number.isNaN(carriedMost) ? carriedMost : Math.max(ownMost, carriedMost);
  },
  decode(data, into, layout) {
    const table = valuesOf(quantisedBy(layout));
    const count = into.length - carriedElements(layout);
    for (let i = 0; i < count; i++) into[i] = table[data[i] as number] as number;
    const carried = into.subarray(count);
    float32.decode('carried rows', data.subarray(count), carried, { shape: [carried.length] });
  },
});

/** How the model quantises an activation, if it does. */
export function quantisedBy({ precision }: TensorLayout): Integer8Precision | null {
  return precision?.kind === 'integer8' ? precision : null;
}

const tables = new WeakMap<Integer8Precision, Float32Array>();

/** Of the 256 codes. Computed once for a bundle, not for each sample. */
function valuesOf(quantised: Integer8Precision | null): Float32Array {
  if (!quantised) return new Float32Array(256);
  let table = tables.get(quantised);
  if (!table) {
    const { scale, zeroPoint } = quantised;
    table = Float32Array.from({ length: 256 }, (_, code) => scale * (code - zeroPoint));
    tables.set(quantised, table);
  }
  return table;
}
